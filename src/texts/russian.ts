import type { Texts } from "./texts.ts";

export const russian: Texts = {
  stopped: "⏹ Остановлено.",
  interrupted: "⏹ Прервано.",
  receiptQueued: "⏳ Отвечу на это после текущего ответа.",
  receiptSteered: "↪ Учту это в текущем ответе.",
  receiptRefused: "✋ Я ещё отвечаю и пока ничего не принимаю. Пожалуйста, отправьте это ещё раз потом.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ Этот ответ нельзя показать здесь. (${run})`,
  stopButton: "Стоп",
  seconds,
  toolsDone: (count, busy) => `🔧 Инструменты: ${count}${busy < 1 ? "" : `, ${seconds(busy)}`}`,
  moreTools: (count) => `+ ещё ${count}`,
  noResultFrom: (tools) => `⚠️ Без результата: ${tools.join(", ")}.`,
  toolsUnreachable: "⚠️ Инструменты агента сейчас недоступны.",
  modelBusy: (wait) => `⏳ Модель занята; новая попытка через ${seconds(wait)}.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} с` : `${Math.round(count / 60)} мин`;
}
