import { englishAgents } from "./agent-texts.ts";
import { englishApprovals } from "./approval-texts.ts";
import { englishCommands } from "./english-commands.ts";
import { fileName } from "./file-name.ts";
import { englishLinks } from "./link-texts.ts";
import { englishMemory } from "./memory-texts.ts";
import { englishRights } from "./rights-texts.ts";
import { englishModels } from "./model-texts.ts";
import { englishRuns } from "./english-runs.ts";
import { englishFeedback } from "./feedback-texts.ts";
import type { Texts } from "./texts.ts";
import { englishUsage } from "./usage-texts.ts";
import { englishWeb } from "./web-texts.ts";

export const english: Texts = {
  ...englishAgents,
  ...englishCommands,
  ...englishRuns,
  ...englishLinks,
  ...englishMemory,
  ...englishModels,
  ...englishRights,
  ...englishUsage,
  ...englishWeb,
  ...englishApprovals,
  ...englishFeedback,
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
  toolsMissing: (names) => `⚠️ Tools out of reach right now: ${names.join(", ")}.`,
  modelBusy: (wait) => `⏳ The model is busy; trying again in ${seconds(wait)}.`,
  otherModel: "🔁 Another model answers: the usual one cannot be asked right now.",
  fileFaults: {
    unsupported: "this kind of file cannot be read here",
    too_large: "it is too large",
    too_many: "these are too many files for one message",
    unreachable: "it could not be fetched",
    elsewhere: "it is only linked here and kept somewhere else",
    too_slow: "it took too long to fetch or read",
    damaged: "it could not be read; it may be damaged",
    locked: "it is protected by a password",
    empty: "no text was found in it",
    unheard: "voice messages cannot be understood here: no transcription model is configured",
  },
  filesNotRead: (files) => files.map((file) => `⚠️ ${fileName(file)}: ${english.fileFaults[file.fault]}.`).join("\n\n"),
  restInFile: (name) => `… The whole answer is in the file \`${name}\`.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} s` : `${Math.round(count / 60)} min`;
}
