import type { Texts } from "./texts.ts";

export const english: Texts = {
  stopped: "⏹ Stopped.",
  interrupted: "⏹ Interrupted.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ This answer cannot be shown here. (${run})`,
};
