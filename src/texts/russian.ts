import { russianAgents } from "./agent-texts.ts";
import { russianApprovals } from "./approval-texts.ts";
import { russianCommands } from "./russian-commands.ts";
import { fileName } from "./file-name.ts";
import { russianLinks } from "./link-texts.ts";
import { russianMemory } from "./memory-texts.ts";
import { russianRights } from "./rights-texts.ts";
import { russianModels } from "./model-texts.ts";
import { russianRuns } from "./russian-runs.ts";
import { russianFeedback } from "./feedback-texts.ts";
import type { Texts } from "./texts.ts";
import { russianUsage } from "./usage-texts.ts";
import { russianWeb } from "./web-texts.ts";

export const russian: Texts = {
  ...russianAgents,
  ...russianCommands,
  ...russianRuns,
  ...russianLinks,
  ...russianMemory,
  ...russianModels,
  ...russianRights,
  ...russianUsage,
  ...russianWeb,
  ...russianApprovals,
  ...russianFeedback,
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
  toolsMissing: (names) => `⚠️ Сейчас недоступны инструменты: ${names.join(", ")}.`,
  modelBusy: (wait) => `⏳ Модель занята; новая попытка через ${seconds(wait)}.`,
  otherModel: "🔁 Отвечает другая модель: обычная сейчас недоступна.",
  fileFaults: {
    unsupported: "такие файлы здесь прочитать нельзя",
    too_large: "файл слишком большой",
    too_many: "в одном сообщении слишком много файлов",
    unreachable: "файл не удалось загрузить",
    elsewhere: "здесь только ссылка на него, сам файл хранится в другом месте",
    too_slow: "загрузка или чтение заняли слишком много времени",
    damaged: "файл не удалось прочитать; возможно, он повреждён",
    locked: "файл защищён паролем",
    empty: "в нём не найден текст",
    unheard: "голосовые сообщения здесь не распознаются: модель расшифровки не настроена",
  },
  filesNotRead: (files) => files.map((file) => `⚠️ ${fileName(file)}: ${russian.fileFaults[file.fault]}.`).join("\n\n"),
  restInFile: (name) => `… Ответ целиком — в файле \`${name}\`.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} с` : `${Math.round(count / 60)} мин`;
}
