import type { CommandTexts } from "./command-texts.ts";

const plural = new Intl.PluralRules("ru");

export const russianCommands: CommandTexts = {
  commands: {
    start: "поздороваться",
    help: "что я умею",
    new: "начать новый разговор",
    stop: "остановить ответ",
    status: "что сейчас происходит",
    sessions: "прежние разговоры в этом чате",
    agent: "выбрать, кто отвечает",
    model: "выбрать модель для этого разговора",
    mode: "что делает сообщение, пока я отвечаю",
    title: "назвать этот разговор",
    compact: "кратко изложить разговор",
    memory: "что о вас запомнено",
    forget: "забыть что-то из этого",
    usage: "сколько израсходовано",
    link: "связать с вашим другим аккаунтом (в личном чате)",
    unlink: "отменить эту связь",
  },
  unknownCommand: (sign) => `Я не знаю такой команды. ${sign}help покажет те, что я знаю.`,
  hello: (agent, help) => `Здравствуйте! Я **${agent}**. Напишите мне, и я отвечу здесь.\n\n${help}`,
  noTalk: "Здесь ещё нет разговора. Напишите мне (в группе — по имени), и он начнётся.",
  noTalkInThreads: "Здесь нет разговора. Где каждый разговор — отдельная ветка, новое сообщение начинает новый.",
  notThere:
    "Меня там нет, поэтому ответить там я не могу. Пригласите меня в этот канал и спросите ещё раз или напишите мне лично.",
  newTalk: (sign) => `Начинаем новый разговор; прежнего я здесь не помню. ${sign}sessions вернёт его.`,
  nothingRuns: "Сейчас ничего не выполняется.",
  answering: "Я отвечаю.",
  answerStopped: "Ответ остановлен.",
  withdrawn: (count) => `Без ответа останется ${messages(count)} из очереди.`,
  waiting: (count) => `В очереди ${messages(count)}.`,
  untitled: "Новый разговор",
  statusOf: (title, agent, count) => `**${title}** с ${agent || "агентом"}, пока ${messages(count)}.`,
  thisOne: "← сейчас",
  openOne: (sign) => `Откройте любой: ${sign}sessions и номер, например ${sign}sessions 2.`,
  noSuchTalk: (sign) => `Разговора с таким номером здесь нет. ${sign}sessions покажет список.`,
  openAlready: "Этот разговор уже открыт.",
  goOnWith: (title) => `Продолжаем **${title}**.`,
  chooseAgent: (sign) => `Выберите: ${sign}agent и номер или имя, например ${sign}agent 2.`,
  noSuchAgent: (sign) => `Такого агента нет. ${sign}agent покажет список.`,
  agentChosen: (agent) => `Теперь здесь отвечает **${agent}**.`,
  modes: {
    interrupt: "ваше сообщение прерывает ответ, и я отвечаю заново",
    steer: "ваше сообщение войдёт в ответ, как только это возможно",
    queue: "ваше сообщение подождёт конца ответа",
    parallel: "на ваше сообщение я отвечу одновременно",
    reject: "пока я отвечаю, новых сообщений не принимаю",
  },
  chooseMode: (sign) => `Выберите: ${sign}mode и название; ${sign}mode default вернёт исходную настройку.`,
  noSuchMode: (sign) => `Такого режима нет. ${sign}mode покажет список.`,
  modeCleared: "Снова действует исходная настройка.",
  titleIs: (title, sign) => `Этот разговор называется **${title}**. Переименовать: ${sign}title и новое название.`,
  titleSet: (title) => `Теперь этот разговор называется **${title}**.`,
  summingUp: "Составляю краткое изложение этого разговора.",
  nothingToSumUp: "Пока излагать нечего.",
  notSummedUp: "Составить изложение не удалось. Разговор продолжается как прежде.",
  summedUp: (count, before, after) =>
    `Изложение готово (сообщений: ${count}): было около ${before} токенов, стало ${after}. Ничего не удалено.`,
  stranger: (code) =>
    `Я вас ещё не знаю. Попросите владельца этого бота подтвердить этот код в течение часа: \`${code}\``,
  strangerToList: (id) => `Я вас ещё не знаю. Попросите владельца этого бота внести вас в список: \`${id}\`.`,
};

function messages(count: number): string {
  const forms: Record<string, string> = { one: "сообщение", few: "сообщения" };
  return `${count} ${forms[plural.select(count)] ?? "сообщений"}`;
}
