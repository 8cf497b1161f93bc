/** What is said to those who are blocked, and who want to be forgotten. `sign` goes before the word of a command. */
export interface RightsTexts {
  blocked: string;
  /** What would be erased, and how to have it done. */
  forgetMe(sign: string): string;
  forgetMePrivateOnly: string;
  beingForgotten: string;
}

export const englishRights: RightsTexts = {
  blocked: "🚫 The operator has blocked you here: nothing you write is answered.",
  forgetMe: (sign) =>
    `This erases everything of you for good: our talks, files, what agents remember, your linked accounts, and in groups what you wrote and what I answered. It cannot be undone. To go on, write ${sign}forget me yes`,
  forgetMePrivateOnly: "This is for a private chat with me alone.",
  beingForgotten: "Everything of you is being erased now. If you write again, you are new here.",
};

export const russianRights: RightsTexts = {
  blocked: "🚫 Оператор заблокировал вас: на ваши сообщения здесь не отвечают.",
  forgetMe: (sign) =>
    `Это навсегда сотрёт всё о вас: наши разговоры, файлы, то, что запомнили агенты, ваши связанные аккаунты, а в группах – ваши сообщения и мои ответы на них. Отменить это нельзя. Чтобы продолжить, напишите ${sign}forget me yes`,
  forgetMePrivateOnly: "Это возможно только в личном чате со мной.",
  beingForgotten: "Всё о вас сейчас стирается. Если вы напишете снова, вы будете здесь впервые.",
};

export const germanRights: RightsTexts = {
  blocked: "🚫 Der Betreiber hat dich hier gesperrt: was du schreibst, wird nicht beantwortet.",
  forgetMe: (sign) =>
    `Das löscht endgültig alles von dir: unsere Gespräche, Dateien, was Agenten sich gemerkt haben, deine verbundenen Konten, und in Gruppen, was du geschrieben und ich geantwortet habe. Das lässt sich nicht rückgängig machen. Um fortzufahren, schreibe ${sign}forget me yes`,
  forgetMePrivateOnly: "Das geht nur in einem privaten Chat mit mir.",
  beingForgotten: "Alles von dir wird jetzt gelöscht. Wenn du wieder schreibst, bist du hier neu.",
};

export const chineseRights: RightsTexts = {
  blocked: "🚫 管理员已在此屏蔽您：您发送的内容不会得到答复。",
  forgetMe: (sign) =>
    `这将永久删除您的一切：我们的对话、文件、智能体记住的内容、您关联的账号，以及您在群组中写的话和我的答复。此操作无法撤销。如要继续，请发送 ${sign}forget me yes`,
  forgetMePrivateOnly: "此操作只能在与我的私聊中进行。",
  beingForgotten: "正在删除您的一切。如果您再次发消息，您在这里将是新用户。",
};
