import type { Texts } from "./texts.ts";

export const english: Texts = {
  stopped: "⏹ Stopped.",
  interrupted: "⏹ Interrupted.",
  receiptQueued: "⏳ I answer this after the running one.",
  receiptSteered: "↪ Taken into the running answer.",
  receiptRefused: "✋ I am still answering, and take no more until that is done. Please send this again then.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ This answer cannot be shown here. (${run})`,
};
