/** What is said of what agents remember. `sign` goes before the word of a command; facts are escaped already. */
export interface MemoryTexts {
  /** Before the list of it; in a group it is of all who are there. */
  remembered: string;
  rememberedHere: string;
  /** Below the list: how many more there are, and how to have it forgotten. */
  rememberedMore(count: number): string;
  forgetOne(sign: string): string;
  nothingRemembered: string;
  noSuchMemory(sign: string): string;
  forgotten(fact: string): string;
  forgottenAll(count: number): string;
}

export const englishMemory: MemoryTexts = {
  remembered: "This is remembered of you:",
  rememberedHere: "This is remembered of this chat:",
  rememberedMore: (count) => `… and ${count} more.`,
  forgetOne: (sign) => `${sign}forget and a number has one forgotten, ${sign}forget all has all of it forgotten.`,
  nothingRemembered: "Nothing is remembered.",
  noSuchMemory: (sign) => `There is nothing of that number. ${sign}memory lists what is remembered.`,
  forgotten: (fact) => `Forgotten: ${fact}`,
  forgottenAll: (count) => `All is forgotten (${count}). What was said in our talks stands there still.`,
};

export const russianMemory: MemoryTexts = {
  remembered: "Вот что запомнено о вас:",
  rememberedHere: "Вот что запомнено об этом чате:",
  rememberedMore: (count) => `… и ещё ${count}.`,
  forgetOne: (sign) => `${sign}forget и номер – забыть одно, ${sign}forget all – забыть всё.`,
  nothingRemembered: "Ничего не запомнено.",
  noSuchMemory: (sign) => `Такого номера нет. ${sign}memory покажет, что запомнено.`,
  forgotten: (fact) => `Забыто: ${fact}`,
  forgottenAll: (count) => `Всё забыто (${count}). Сказанное в наших разговорах остаётся в них.`,
};

export const germanMemory: MemoryTexts = {
  remembered: "Das ist über dich gemerkt:",
  rememberedHere: "Das ist über diesen Chat gemerkt:",
  rememberedMore: (count) => `… und ${count} weitere.`,
  forgetOne: (sign) => `${sign}forget und eine Nummer vergisst eines, ${sign}forget all vergisst alles.`,
  nothingRemembered: "Nichts ist gemerkt.",
  noSuchMemory: (sign) => `Unter dieser Nummer ist nichts gemerkt. ${sign}memory zeigt, was gemerkt ist.`,
  forgotten: (fact) => `Vergessen: ${fact}`,
  forgottenAll: (count) =>
    `Alles ist vergessen (${count}). Was in unseren Gesprächen gesagt wurde, steht dort weiterhin.`,
};

export const chineseMemory: MemoryTexts = {
  remembered: "关于你记住了以下内容：",
  rememberedHere: "关于此聊天记住了以下内容：",
  rememberedMore: (count) => `……还有 ${count} 条。`,
  forgetOne: (sign) => `发送 ${sign}forget 加编号可删除一条，${sign}forget all 可全部删除。`,
  nothingRemembered: "没有记住任何内容。",
  noSuchMemory: (sign) => `没有这个编号。发送 ${sign}memory 查看已记住的内容。`,
  forgotten: (fact) => `已忘记：${fact}`,
  forgottenAll: (count) => `已全部忘记（${count} 条）。对话中说过的话仍保留在对话里。`,
};
