import type { Texts } from "./texts.ts";

export const chinese: Texts = {
  stopped: "⏹ 已停止。",
  interrupted: "⏹ 已中断。",
  failed: (what, run) => `⚠️ ${what}（${run}）`,
  cannotBeShown: (run) => `⚠️ 此回答无法在这里显示。（${run}）`,
};
