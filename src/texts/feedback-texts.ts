/** What is said around votes on answers. */
export interface FeedbackTexts {
  /** On the thumbs, for those who cannot see them. At most 75 characters (Slack, feedback buttons). */
  goodAnswer: string;
  badAnswer: string;
  /** For whoever voted alone. At most 200 characters (Telegram, answerCallbackQuery). */
  votedUp: string;
  votedDown: string;
  voteTakenBack: string;
  /** Asks whoever did not like an answer; the placeholder has at most 64 characters (Telegram, ForceReply). */
  askReason: string;
  reasonHint: string;
  reasonKept: string;
  /** Of the form: its title has at most 24 characters (Slack, modal). */
  reasonTitle: string;
  reasonSend: string;
  reasonSkip: string;
}

export const englishFeedback: FeedbackTexts = {
  goodAnswer: "Good answer",
  badAnswer: "Bad answer",
  votedUp: "Thank you!",
  votedDown: "Thank you, that helps.",
  voteTakenBack: "Your vote is taken back.",
  askReason: "What was wrong with it? Answer this message within an hour, if you like.",
  reasonHint: "What was wrong?",
  reasonKept: "Thank you, I have passed that on.",
  reasonTitle: "What was wrong?",
  reasonSend: "Send",
  reasonSkip: "Skip",
};

export const russianFeedback: FeedbackTexts = {
  goodAnswer: "Хороший ответ",
  badAnswer: "Плохой ответ",
  votedUp: "Спасибо!",
  votedDown: "Спасибо, это поможет.",
  voteTakenBack: "Ваша оценка отозвана.",
  askReason: "Что было не так? Если хотите, ответьте на это сообщение в течение часа.",
  reasonHint: "Что было не так?",
  reasonKept: "Спасибо, я это передал.",
  reasonTitle: "Что было не так?",
  reasonSend: "Отправить",
  reasonSkip: "Пропустить",
};

export const germanFeedback: FeedbackTexts = {
  goodAnswer: "Gute Antwort",
  badAnswer: "Schlechte Antwort",
  votedUp: "Danke!",
  votedDown: "Danke, das hilft.",
  voteTakenBack: "Die Bewertung ist zurückgenommen.",
  askReason: "Was war daran falsch? Wer mag, antwortet innerhalb einer Stunde auf diese Nachricht.",
  reasonHint: "Was war falsch?",
  reasonKept: "Danke, ich habe es weitergegeben.",
  reasonTitle: "Was war falsch?",
  reasonSend: "Senden",
  reasonSkip: "Überspringen",
};

export const chineseFeedback: FeedbackTexts = {
  goodAnswer: "回答得好",
  badAnswer: "回答得不好",
  votedUp: "谢谢！",
  votedDown: "谢谢，这很有帮助。",
  voteTakenBack: "已撤回您的评价。",
  askReason: "哪里不对？如果愿意，请在一小时内回复这条消息。",
  reasonHint: "哪里不对？",
  reasonKept: "谢谢，我已转达。",
  reasonTitle: "哪里不对？",
  reasonSend: "发送",
  reasonSkip: "跳过",
};
