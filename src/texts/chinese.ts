import type { Texts } from "./texts.ts";

export const chinese: Texts = {
  stopped: "⏹ 已停止。",
  interrupted: "⏹ 已中断。",
  receiptQueued: "⏳ 当前回答结束后我再回复这条。",
  receiptSteered: "↪ 已并入正在进行的回答。",
  receiptRefused: "✋ 我还在回答，暂时不接收新消息。请稍后再发一次。",
  failed: (what, run) => `⚠️ ${what}（${run}）`,
  cannotBeShown: (run) => `⚠️ 此回答无法在这里显示。（${run}）`,
};
