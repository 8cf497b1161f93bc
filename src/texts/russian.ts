import type { Texts } from "./texts.ts";

export const russian: Texts = {
  stopped: "⏹ Остановлено.",
  interrupted: "⏹ Прервано.",
  receiptQueued: "⏳ Отвечу на это после текущего ответа.",
  receiptSteered: "↪ Учту это в текущем ответе.",
  receiptRefused: "✋ Я ещё отвечаю и пока ничего не принимаю. Пожалуйста, отправьте это ещё раз потом.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ Этот ответ нельзя показать здесь. (${run})`,
};
