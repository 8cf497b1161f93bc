import { inCode } from "./file-name.ts";

/** What is said of links between people's accounts. `sign` goes before the word of a command. */
export interface LinkTexts {
  linkPrivately: string;
  linkCode(code: string): string;
  linkUnknown: string;
  linkTooOften: string;
  linkSameChat: string;
  linkedAlready: string;
  linkedElsewhere(sign: string): string;
  linked(account: string, sign: string): string;
  unlinked(account: string): string;
  nothingLinked(sign: string): string;
}

/** For example: Telegram `Ann`. */
export function accountName({ platform, name, externalId }: { platform: string; name: string; externalId: string }) {
  return `${platform.slice(0, 1).toUpperCase()}${platform.slice(1)} ${inCode(name, externalId)}`;
}

export const englishLinks: LinkTexts = {
  linkPrivately: "This works only in a private chat with me.",
  linkCode: (code) =>
    `Your code holds for 10 minutes. Send it to me in your other private chat: \`/link ${code}\` on Telegram, \`link ${code}\` on Slack. ` +
    "Whoever sends it becomes one person with you to me, so give it to nobody.",
  linkUnknown: "I do not know this code, or it is over. Make a new one in your other chat.",
  linkTooOften: "These were too many wrong codes. Please try again in an hour.",
  linkSameChat: "This code was made here. Send it to me in your other private chat.",
  linkedAlready: "You are one person to me there and here already.",
  linkedElsewhere: (sign) =>
    `Both accounts are linked with others already. First undo that in one of them: ${sign}unlink.`,
  linked: (account, sign) =>
    `You and ${account} are one person to me now, with all your talks. If that was not you, undo it: ${sign}unlink.`,
  unlinked: (account) => `You and ${account} are two people to me again, each with their own talks.`,
  nothingLinked: (sign) => `This account is linked with no other. ${sign}link makes a code for it.`,
};

export const russianLinks: LinkTexts = {
  linkPrivately: "Это работает только в личном чате со мной.",
  linkCode: (code) =>
    `Код действует 10 минут. Отправьте его мне в другом личном чате: \`/link ${code}\` в Telegram, \`link ${code}\` в Slack. ` +
    "Кто его отправит, станет для меня одним человеком с вами, поэтому никому его не давайте.",
  linkUnknown: "Я не знаю такого кода, или он устарел. Получите новый в другом чате.",
  linkTooOften: "Слишком много неверных кодов. Попробуйте через час.",
  linkSameChat: "Этот код получен здесь. Отправьте его мне в другом личном чате.",
  linkedAlready: "Там и здесь вы для меня уже один человек.",
  linkedElsewhere: (sign) => `Оба аккаунта уже связаны с другими. Сначала отмените это в одном из них: ${sign}unlink.`,
  linked: (account, sign) =>
    `Теперь вы и ${account} для меня один человек, со всеми разговорами. Если это были не вы, отмените: ${sign}unlink.`,
  unlinked: (account) => `Вы и ${account} для меня снова два человека, у каждого свои разговоры.`,
  nothingLinked: (sign) => `Этот аккаунт ни с каким другим не связан. Код для этого даст ${sign}link.`,
};

export const germanLinks: LinkTexts = {
  linkPrivately: "Das geht nur in einem privaten Chat mit mir.",
  linkCode: (code) =>
    `Dein Code gilt 10 Minuten. Schick ihn mir in deinem anderen privaten Chat: \`/link ${code}\` in Telegram, \`link ${code}\` in Slack. ` +
    "Wer ihn schickt, ist für mich danach dieselbe Person wie du; gib ihn also niemandem.",
  linkUnknown: "Diesen Code kenne ich nicht, oder er ist abgelaufen. Mach im anderen Chat einen neuen.",
  linkTooOften: "Das waren zu viele falsche Codes. Bitte versuch es in einer Stunde noch einmal.",
  linkSameChat: "Dieser Code wurde hier gemacht. Schick ihn mir in deinem anderen privaten Chat.",
  linkedAlready: "Dort und hier bist du für mich schon dieselbe Person.",
  linkedElsewhere: (sign) =>
    `Beide Konten sind schon mit anderen verknüpft. Löse das zuerst bei einem von ihnen: ${sign}unlink.`,
  linked: (account, sign) =>
    `Du und ${account} seid für mich jetzt eine Person, mit allen Gesprächen. Warst du das nicht, mach es rückgängig: ${sign}unlink.`,
  unlinked: (account) => `Du und ${account} seid für mich wieder zwei Personen, jede mit ihren eigenen Gesprächen.`,
  nothingLinked: (sign) => `Dieses Konto ist mit keinem anderen verknüpft. ${sign}link macht einen Code dafür.`,
};

export const chineseLinks: LinkTexts = {
  linkPrivately: "此命令只能在与我的私聊中使用。",
  linkCode: (code) =>
    `此代码 10 分钟内有效。请在你的另一个私聊中发给我：Telegram 上发送 \`/link ${code}\`，Slack 上发送 \`link ${code}\`。` +
    "谁发送它，我就把谁与你视为同一个人，所以请不要告诉任何人。",
  linkUnknown: "我不认识这个代码，或者它已过期。请在另一个聊天中获取新代码。",
  linkTooOften: "错误的代码太多了。请一小时后再试。",
  linkSameChat: "这个代码就是在这里生成的。请在你的另一个私聊中发给我。",
  linkedAlready: "对我来说，你在那里和这里已经是同一个人。",
  linkedElsewhere: (sign) => `两个账号都已与其他账号关联。请先在其中一个发送 ${sign}unlink 取消关联。`,
  linked: (account, sign) =>
    `现在我把你和 ${account} 视为同一个人，包括所有对话。如果不是你本人操作，请发送 ${sign}unlink 撤销。`,
  unlinked: (account) => `现在我把你和 ${account} 重新视为两个人，各有自己的对话。`,
  nothingLinked: (sign) => `此账号没有与其他账号关联。发送 ${sign}link 可获取代码。`,
};
