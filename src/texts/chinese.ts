import type { Texts } from "./texts.ts";

export const chinese: Texts = {
  stopped: "⏹ 已停止。",
  interrupted: "⏹ 已中断。",
  receiptQueued: "⏳ 当前回答结束后我再回复这条。",
  receiptSteered: "↪ 已并入正在进行的回答。",
  receiptRefused: "✋ 我还在回答，暂时不接收新消息。请稍后再发一次。",
  failed: (what, run) => `⚠️ ${what}（${run}）`,
  cannotBeShown: (run) => `⚠️ 此回答无法在这里显示。（${run}）`,
  stopButton: "停止",
  seconds,
  toolsDone: (count, busy) => `🔧 ${count} 个工具${busy < 1 ? "" : `，${seconds(busy)}`}`,
  moreTools: (count) => `+ 另外 ${count} 个`,
  noResultFrom: (tools) => `⚠️ 没有结果：${tools.join("、")}。`,
  toolsUnreachable: "⚠️ 暂时无法使用智能体的工具。",
  modelBusy: (wait) => `⏳ 模型繁忙，${seconds(wait)}后重试。`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} 秒` : `${Math.round(count / 60)} 分钟`;
}
