import type { Texts } from "./texts.ts";

export const german: Texts = {
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
  modelBusy: (wait) => `⏳ Das Modell ist ausgelastet; neuer Versuch in ${seconds(wait)}.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} s` : `${Math.round(count / 60)} min`;
}
