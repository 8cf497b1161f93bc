/** What is asked before a tool is used, and what became of it. Names are code already. */
export interface ApprovalTexts {
  mayCall(agent: string, tool: string): string;
  /** It was under way when the gateway ended, and may have been done. */
  mayCallAgain(agent: string, tool: string): string;
  decideWithin(minutes: number): string;
  approveButton: string;
  denyButton: string;
  repeatButton: string;
  skipButton: string;
  /** `by` is "" where nobody is named. */
  approvedBy(by: string): string;
  deniedBy(by: string): string;
  notDecidedInTime: string;
  notNeeded: string;
  /** Of a call that may have been done already. */
  repeatedBy(by: string): string;
  skippedBy(by: string): string;
  notRepeatedInTime: string;
  notRepeated: string;
  /** What goes on meanwhile. */
  awaitsDecision: string;
  /** For whoever pressed a button alone. At most 200 characters (Telegram, answerCallbackQuery). */
  notYoursToDecide: string;
  decidedAlready: string;
}

export const englishApprovals: ApprovalTexts = {
  mayCall: (agent, tool) => `🔐 ${agent} wants to use ${tool}:`,
  mayCallAgain: (agent, tool) =>
    `🔐 ${agent} was using ${tool} when I was interrupted. It may have been done already. Do it again?`,
  decideWithin: (minutes) => `Please decide within ${minutes} min.`,
  approveButton: "Approve",
  denyButton: "Deny",
  repeatButton: "Repeat",
  skipButton: "Skip",
  approvedBy: (by) => `✅ Approved${by && ` by ${by}`}.`,
  deniedBy: (by) => `❌ Denied${by && ` by ${by}`}.`,
  notDecidedInTime: "⌛ Nobody decided in time, so it was not done.",
  notNeeded: "⏹ No longer needed, and not done.",
  repeatedBy: (by) => `✅ To be repeated${by && ` (${by})`}.`,
  skippedBy: (by) => `⏭ Not repeated${by && ` (${by})`}.`,
  notRepeatedInTime: "⌛ Nobody decided in time, so it was not repeated.",
  notRepeated: "⏹ No longer needed, and not repeated.",
  awaitsDecision: "I wait for a decision: see the question above.",
  notYoursToDecide: "Only whoever asked, or somebody the operator has named, can decide this.",
  decidedAlready: "This is decided already, or no longer needed.",
};

export const russianApprovals: ApprovalTexts = {
  mayCall: (agent, tool) => `🔐 ${agent} хочет использовать ${tool}:`,
  mayCallAgain: (agent, tool) =>
    `🔐 ${agent} использовал ${tool}, когда меня прервали. Возможно, это уже сделано. Повторить?`,
  decideWithin: (minutes) => `Пожалуйста, решите в течение ${minutes} мин.`,
  approveButton: "Разрешить",
  denyButton: "Запретить",
  repeatButton: "Повторить",
  skipButton: "Пропустить",
  approvedBy: (by) => `✅ Разрешено${by && `: ${by}`}.`,
  deniedBy: (by) => `❌ Запрещено${by && `: ${by}`}.`,
  notDecidedInTime: "⌛ Никто не решил вовремя, поэтому это не сделано.",
  notNeeded: "⏹ Больше не нужно и не сделано.",
  repeatedBy: (by) => `✅ Повторить${by && ` (${by})`}.`,
  skippedBy: (by) => `⏭ Не повторять${by && ` (${by})`}.`,
  notRepeatedInTime: "⌛ Никто не решил вовремя, поэтому это не повторено.",
  notRepeated: "⏹ Больше не нужно и не повторено.",
  awaitsDecision: "Я жду решения: вопрос выше.",
  notYoursToDecide: "Решать могут только те, кто спрашивал, или те, кого назвал оператор.",
  decidedAlready: "Это уже решено или больше не нужно.",
};

export const germanApprovals: ApprovalTexts = {
  mayCall: (agent, tool) => `🔐 ${agent} möchte ${tool} verwenden:`,
  mayCallAgain: (agent, tool) =>
    `🔐 ${agent} hat gerade ${tool} verwendet, als ich unterbrochen wurde. Vielleicht ist es schon geschehen. Noch einmal?`,
  decideWithin: (minutes) => `Bitte entscheide innerhalb von ${minutes} min.`,
  approveButton: "Erlauben",
  denyButton: "Ablehnen",
  repeatButton: "Wiederholen",
  skipButton: "Überspringen",
  approvedBy: (by) => `✅ Erlaubt${by && ` von ${by}`}.`,
  deniedBy: (by) => `❌ Abgelehnt${by && ` von ${by}`}.`,
  notDecidedInTime: "⌛ Niemand hat rechtzeitig entschieden, also geschah es nicht.",
  notNeeded: "⏹ Nicht mehr nötig, und nicht geschehen.",
  repeatedBy: (by) => `✅ Wird wiederholt${by && ` (${by})`}.`,
  skippedBy: (by) => `⏭ Nicht wiederholt${by && ` (${by})`}.`,
  notRepeatedInTime: "⌛ Niemand hat rechtzeitig entschieden, also wurde es nicht wiederholt.",
  notRepeated: "⏹ Nicht mehr nötig, und nicht wiederholt.",
  awaitsDecision: "Ich warte auf eine Entscheidung: siehe die Frage oben.",
  notYoursToDecide: "Darüber entscheidet, wer gefragt hat oder wen der Betreiber genannt hat.",
  decidedAlready: "Das ist schon entschieden oder nicht mehr nötig.",
};

export const chineseApprovals: ApprovalTexts = {
  mayCall: (agent, tool) => `🔐 ${agent} 想使用 ${tool}：`,
  mayCallAgain: (agent, tool) => `🔐 中断时 ${agent} 正在使用 ${tool}，可能已经执行。要再执行一次吗？`,
  decideWithin: (minutes) => `请在 ${minutes} 分钟内决定。`,
  approveButton: "批准",
  denyButton: "拒绝",
  repeatButton: "重复",
  skipButton: "跳过",
  approvedBy: (by) => `✅ 已批准${by && `：${by}`}。`,
  deniedBy: (by) => `❌ 已拒绝${by && `：${by}`}。`,
  notDecidedInTime: "⌛ 没有人及时决定，因此未执行。",
  notNeeded: "⏹ 不再需要，未执行。",
  repeatedBy: (by) => `✅ 将再次执行${by && `（${by}）`}。`,
  skippedBy: (by) => `⏭ 不再执行${by && `（${by}）`}。`,
  notRepeatedInTime: "⌛ 没有人及时决定，因此未再次执行。",
  notRepeated: "⏹ 不再需要，未再次执行。",
  awaitsDecision: "我在等待决定：请看上面的问题。",
  notYoursToDecide: "只有提问的人或运营者指定的人才能决定。",
  decidedAlready: "这已经决定，或不再需要。",
};
