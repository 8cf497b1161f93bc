import type { Texts } from "./texts.ts";

export const german: Texts = {
  stopped: "⏹ Angehalten.",
  interrupted: "⏹ Unterbrochen.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ Diese Antwort lässt sich hier nicht anzeigen. (${run})`,
};
