import type { Texts } from "./texts.ts";

export const russian: Texts = {
  stopped: "⏹ Остановлено.",
  interrupted: "⏹ Прервано.",
  failed: (what, run) => `⚠️ ${what} (${run})`,
  cannotBeShown: (run) => `⚠️ Этот ответ нельзя показать здесь. (${run})`,
};
