import { chineseAgents } from "./agent-texts.ts";
import { chineseApprovals } from "./approval-texts.ts";
import { chineseCommands } from "./chinese-commands.ts";
import { fileName } from "./file-name.ts";
import { chineseLinks } from "./link-texts.ts";
import { chineseMemory } from "./memory-texts.ts";
import { chineseRights } from "./rights-texts.ts";
import { chineseModels } from "./model-texts.ts";
import { chineseRuns } from "./chinese-runs.ts";
import { chineseFeedback } from "./feedback-texts.ts";
import type { Texts } from "./texts.ts";
import { chineseUsage } from "./usage-texts.ts";
import { chineseWeb } from "./web-texts.ts";

export const chinese: Texts = {
  ...chineseAgents,
  ...chineseCommands,
  ...chineseRuns,
  ...chineseLinks,
  ...chineseMemory,
  ...chineseModels,
  ...chineseRights,
  ...chineseUsage,
  ...chineseWeb,
  ...chineseApprovals,
  ...chineseFeedback,
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
  toolsMissing: (names) => `⚠️ 暂时无法使用这些工具：${names.join("、")}。`,
  modelBusy: (wait) => `⏳ 模型繁忙，${seconds(wait)}后重试。`,
  otherModel: "🔁 平时的模型暂时无法使用，由另一个模型回答。",
  fileFaults: {
    unsupported: "这里无法读取这类文件",
    too_large: "文件太大",
    too_many: "一条消息中的文件太多",
    unreachable: "无法获取该文件",
    elsewhere: "这里只有链接，文件保存在别处",
    too_slow: "获取或读取文件耗时太长",
    damaged: "无法读取该文件，它可能已损坏",
    locked: "文件受密码保护",
    empty: "文件中没有找到文字",
    unheard: "这里无法听懂语音消息：尚未配置语音转写模型",
  },
  filesNotRead: (files) => files.map((file) => `⚠️ ${fileName(file)}: ${chinese.fileFaults[file.fault]}.`).join("\n\n"),
  restInFile: (name) => `…… 完整回答见文件 \`${name}\`.`,
};

function seconds(count: number): string {
  return count < 100 ? `${count} 秒` : `${Math.round(count / 60)} 分钟`;
}
