import type { Texts } from "./texts.ts";

export const english: Texts = {
  stopped: "⏹ Stopped.",
  interrupted: "⏹ Interrupted.",
  receiptQueued: "⏳ I answer this after the running one.",
  receiptSteered: "↪ Taken into the running answer.",
  receiptRefused: "✋ I am still answering, and take no more until that is done. Please send this again then.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ This answer cannot be shown here. (${run})`,
  stopButton: "Stop",
  seconds,
  toolsDone: (count, busy) => `🔧 ${count} ${count === 1 ? "tool" : "tools"}${busy < 1 ? "" : `, ${seconds(busy)}`}`,
  moreTools: (count) => `+ ${count} more`,
  noResultFrom: (tools) => `⚠️ No result from: ${tools.join(", ")}.`,
  toolsUnreachable: "⚠️ The agent's tools cannot be reached right now.",
  modelBusy: (wait) => `⏳ The model is busy; trying again in ${seconds(wait)}.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} s` : `${Math.round(count / 60)} min`;
}
