import type { Texts } from "./texts.ts";

export const german: Texts = {
  stopped: "⏹ Angehalten.",
  interrupted: "⏹ Unterbrochen.",
  receiptQueued: "⏳ Das beantworte ich nach der laufenden Antwort.",
  receiptSteered: "↪ In die laufende Antwort aufgenommen.",
  receiptRefused: "✋ Ich antworte noch und nehme bis dahin nichts weiter an. Bitte schick das danach noch einmal.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ Diese Antwort lässt sich hier nicht anzeigen. (${run})`,
};
