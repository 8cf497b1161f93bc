import type { Texts } from "./texts.ts";

export const english: Texts = {
  stopped: "⏹ Stopped.",
  interrupted: "⏹ Interrupted.",
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
