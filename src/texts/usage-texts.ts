/** What is said of tokens, money and budgets. `whose` is one of `budgetOf`; days begin at 00:00 UTC. */
export interface UsageTexts {
  /** What a person has used, and what all have used in a chat. */
  usageOfYou(today: string, month: string): string;
  usageHere(today: string, month: string): string;
  tokens(count: number): string;
  budgetOf: Readonly<Record<"person" | "guests" | "place" | "agent" | "key" | "gateway", string>>;
  budgetShare(whose: string, percent: number): string;
  budgetNearlyUsed(whose: string, percent: number, hours: number): string;
  budgetUsedUp(whose: string, hours: number): string;
  /** What became of a message that may not be answered yet. */
  receiptBudget: string;
  /** What an agent says when one answer may not use more. */
  runUsedUp: string;
}

export const englishUsage: UsageTexts = {
  usageOfYou: (today, month) => `What you have used\n• today: ${today}\n• this month: ${month}`,
  usageHere: (today, month) => `What was used in this chat\n• today: ${today}\n• this month: ${month}`,
  tokens: (count) => `${count.toLocaleString("en")} tokens`,
  budgetOf: {
    person: "Your budget for today",
    guests: "All guests' budget for today",
    place: "This chat's budget for today",
    agent: "This agent's budget for today",
    key: "This key's budget for today",
    gateway: "My budget for today",
  },
  budgetShare: (whose, percent) => `${whose}: ${percent} % used.`,
  budgetNearlyUsed: (whose, percent, hours) => `⚠️ ${whose} is ${percent} % used. It begins anew in ${hours} h.`,
  budgetUsedUp: (whose, hours) =>
    `${whose} is used up, so I did not answer this. It begins anew in ${hours} h (00:00 UTC); please ask again then.`,
  receiptBudget: "⏳ This is a lot at once. I answer it as soon as I may.",
  runUsedUp: "I stopped here: this has used what one answer may use. Write “continue” to go on.",
};

export const germanUsage: UsageTexts = {
  usageOfYou: (today, month) => `Dein Verbrauch\n• heute: ${today}\n• in diesem Monat: ${month}`,
  usageHere: (today, month) => `Verbrauch in diesem Chat\n• heute: ${today}\n• in diesem Monat: ${month}`,
  tokens: (count) => `${count.toLocaleString("de")} Token`,
  budgetOf: {
    person: "Dein Budget für heute",
    guests: "Das Budget aller Gäste für heute",
    place: "Das Budget dieses Chats für heute",
    agent: "Das Budget dieses Agenten für heute",
    key: "Das Budget dieses Schlüssels für heute",
    gateway: "Mein Budget für heute",
  },
  budgetShare: (whose, percent) => `${whose}: ${percent} % verbraucht.`,
  budgetNearlyUsed: (whose, percent, hours) =>
    `⚠️ ${whose} ist zu ${percent} % verbraucht. In ${hours} Std. beginnt es neu.`,
  budgetUsedUp: (whose, hours) =>
    `${whose} ist verbraucht, darum habe ich nicht geantwortet. In ${hours} Std. (00:00 UTC) beginnt es neu; bitte frag dann noch einmal.`,
  receiptBudget: "⏳ Das ist gerade viel auf einmal. Ich antworte darauf, sobald ich darf.",
  runUsedUp:
    "Hier habe ich aufgehört: So viel darf eine Antwort verbrauchen, und mehr nicht. Schreib „weiter“, dann geht es weiter.",
};

const plural = new Intl.PluralRules("ru");
const forms: Partial<Record<Intl.LDMLPluralRule, string>> = { one: "токен", few: "токена" };

export const russianUsage: UsageTexts = {
  usageOfYou: (today, month) => `Ваш расход\n• сегодня: ${today}\n• в этом месяце: ${month}`,
  usageHere: (today, month) => `Расход в этом чате\n• сегодня: ${today}\n• в этом месяце: ${month}`,
  tokens: (count) => `${count.toLocaleString("ru")} ${forms[plural.select(count)] ?? "токенов"}`,
  budgetOf: {
    person: "Ваш бюджет на сегодня",
    guests: "Бюджет всех гостей на сегодня",
    place: "Бюджет этого чата на сегодня",
    agent: "Бюджет этого агента на сегодня",
    key: "Бюджет этого ключа на сегодня",
    gateway: "Мой бюджет на сегодня",
  },
  budgetShare: (whose, percent) => `${whose}: израсходовано ${percent} %.`,
  budgetNearlyUsed: (whose, percent, hours) =>
    `⚠️ ${whose} израсходован на ${percent} %. Он обновится через ${hours} ч.`,
  budgetUsedUp: (whose, hours) =>
    `${whose} исчерпан, поэтому я не ответил. Он обновится через ${hours} ч (00:00 UTC); спросите, пожалуйста, ещё раз тогда.`,
  receiptBudget: "⏳ Сейчас слишком много сразу. Отвечу, как только смогу.",
  runUsedUp: "Здесь я остановился: один ответ больше израсходовать не может. Напишите «продолжай», и я продолжу.",
};

export const chineseUsage: UsageTexts = {
  usageOfYou: (today, month) => `你的用量\n• 今天：${today}\n• 本月：${month}`,
  usageHere: (today, month) => `此聊天的用量\n• 今天：${today}\n• 本月：${month}`,
  tokens: (count) => `${count.toLocaleString("zh")} 个词元（token）`,
  budgetOf: {
    person: "你今天的额度",
    guests: "所有访客今天的额度",
    place: "此聊天今天的额度",
    agent: "此智能体今天的额度",
    key: "此密钥今天的额度",
    gateway: "我今天的额度",
  },
  budgetShare: (whose, percent) => `${whose}：已用 ${percent}%。`,
  budgetNearlyUsed: (whose, percent, hours) => `⚠️ ${whose}已用 ${percent}%，将在 ${hours} 小时后重新开始。`,
  budgetUsedUp: (whose, hours) =>
    `${whose}已用完，所以我没有回答。额度将在 ${hours} 小时后（UTC 00:00）重新开始，请到时再问。`,
  receiptBudget: "⏳ 现在一次来得太多了，我会尽快回答。",
  runUsedUp: "我在这里停下：一次回答能用的额度已经用完。发送“继续”即可接着进行。",
};
