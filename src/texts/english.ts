import { fileName } from "./file-name.ts";
import type { Texts } from "./texts.ts";

export const english: Texts = {
  stopped: "⏹ Stopped.",
  interrupted: "⏹ Interrupted.",
  receiptQueued: "⏳ I answer this after the running one.",
  receiptSteered: "↪ Taken into the running answer.",
  receiptRefused: "✋ I am still answering, and take no more until that is done. Please send this again then.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ This answer cannot be shown here. (${run})`,
  fileFaults: {
    unsupported: "this kind of file cannot be read here",
    too_large: "it is too large",
    too_many: "these are too many files for one message",
    unreachable: "it could not be fetched",
    too_slow: "it took too long to fetch or read",
    damaged: "it could not be read; it may be damaged",
    locked: "it is protected by a password",
    empty: "no text was found in it",
    unheard: "voice messages cannot be understood here: no transcription model is configured",
  },
  filesNotRead: (files) => files.map((file) => `⚠️ ${fileName(file)}: ${english.fileFaults[file.fault]}.`).join("\n\n"),
  restInFile: (name) => `… The whole answer is in the file \`${name}\`.`,
};
