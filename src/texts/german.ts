import { germanAgents } from "./agent-texts.ts";
import { germanApprovals } from "./approval-texts.ts";
import { germanCommands } from "./german-commands.ts";
import { fileName } from "./file-name.ts";
import { germanLinks } from "./link-texts.ts";
import { germanMemory } from "./memory-texts.ts";
import { germanRights } from "./rights-texts.ts";
import { germanModels } from "./model-texts.ts";
import { germanRuns } from "./german-runs.ts";
import { germanFeedback } from "./feedback-texts.ts";
import type { Texts } from "./texts.ts";
import { germanUsage } from "./usage-texts.ts";
import { germanWeb } from "./web-texts.ts";

export const german: Texts = {
  ...germanAgents,
  ...germanCommands,
  ...germanRuns,
  ...germanLinks,
  ...germanMemory,
  ...germanModels,
  ...germanRights,
  ...germanUsage,
  ...germanWeb,
  ...germanApprovals,
  ...germanFeedback,
  stopped: "⏹ Angehalten.",
  interrupted: "⏹ Unterbrochen.",
  receiptQueued: "⏳ Das beantworte ich nach der laufenden Antwort.",
  receiptSteered: "↪ In die laufende Antwort aufgenommen.",
  receiptRefused: "✋ Ich antworte noch und nehme bis dahin nichts weiter an. Bitte schick das danach noch einmal.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ Diese Antwort lässt sich hier nicht anzeigen. (${run})`,
  stopButton: "Stopp",
  seconds,
  toolsDone: (count, busy) =>
    `🔧 ${count} ${count === 1 ? "Werkzeug" : "Werkzeuge"}${busy < 1 ? "" : `, ${seconds(busy)}`}`,
  moreTools: (count) => `+ ${count} weitere`,
  noResultFrom: (tools) => `⚠️ Ohne Ergebnis: ${tools.join(", ")}.`,
  toolsUnreachable: "⚠️ Die Werkzeuge des Agenten sind gerade nicht erreichbar.",
  toolsMissing: (names) => `⚠️ Gerade nicht erreichbare Werkzeuge: ${names.join(", ")}.`,
  modelBusy: (wait) => `⏳ Das Modell ist ausgelastet; neuer Versuch in ${seconds(wait)}.`,
  otherModel: "🔁 Es antwortet ein anderes Modell: Das übliche ist gerade nicht zu erreichen.",
  fileFaults: {
    unsupported: "diese Art von Datei kann hier nicht gelesen werden",
    too_large: "sie ist zu groß",
    too_many: "das sind zu viele Dateien für eine Nachricht",
    unreachable: "sie konnte nicht geladen werden",
    elsewhere: "sie ist hier nur verlinkt und liegt woanders",
    too_slow: "das Laden oder Lesen hat zu lange gedauert",
    damaged: "sie konnte nicht gelesen werden; vielleicht ist sie beschädigt",
    locked: "sie ist durch ein Passwort geschützt",
    empty: "es wurde kein Text darin gefunden",
    unheard: "Sprachnachrichten werden hier nicht verstanden: Es ist kein Modell für Transkription eingerichtet",
  },
  filesNotRead: (files) => files.map((file) => `⚠️ ${fileName(file)}: ${german.fileFaults[file.fault]}.`).join("\n\n"),
  restInFile: (name) => `… Die ganze Antwort steht in der Datei \`${name}\`.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} s` : `${Math.round(count / 60)} min`;
}
