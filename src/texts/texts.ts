import type { AgentTexts } from "./agent-texts.ts";
import type { ApprovalTexts } from "./approval-texts.ts";
import type { CommandTexts } from "./command-texts.ts";
import { english } from "./english.ts";
import { chinese } from "./chinese.ts";
import { german } from "./german.ts";
import type { FeedbackTexts } from "./feedback-texts.ts";
import type { LinkTexts } from "./link-texts.ts";
import type { MemoryTexts } from "./memory-texts.ts";
import type { ModelTexts } from "./model-texts.ts";
import type { RightsTexts } from "./rights-texts.ts";
import type { RunTexts } from "./run-texts.ts";
import { russian } from "./russian.ts";
import type { UsageTexts } from "./usage-texts.ts";
import type { WebTexts } from "./web-texts.ts";

/** Why a file that came is not known to the agent. */
export type FileFault =
  | "unsupported"
  | "too_large"
  | "too_many"
  | "unreachable"
  | "elsewhere"
  | "too_slow"
  | "damaged"
  | "locked"
  | "empty"
  | "unheard";

/** Everything the gateway itself says in chats, once per language; agents speak for themselves. Markdown. */
export interface Texts
  extends
    AgentTexts,
    ApprovalTexts,
    CommandTexts,
    FeedbackTexts,
    LinkTexts,
    MemoryTexts,
    ModelTexts,
    RightsTexts,
    RunTexts,
    UsageTexts,
    WebTexts {
  /** The line under an answer that was stopped, or ended by a newer message. */
  stopped: string;
  interrupted: string;
  /** Under an answer that failed: what happened, and the run's short id for the operator. */
  failed(what: string, run: string): string;
  /** What became of a message that came while an answer was under way. */
  receiptQueued: string;
  receiptSteered: string;
  receiptRefused: string;
  cannotBeShown(run: string): string;
  /** On the button under a running answer. At most 75 characters (Slack, Button). */
  stopButton: string;
  /** How long something takes, short. */
  seconds(seconds: number): string;
  /** Under an answer: a line for the tools that have worked on it. Of 0 seconds nothing is said. */
  toolsDone(count: number, seconds: number): string;
  /** Under lines of tools: how many more there are. */
  moreTools(count: number): string;
  /** Under the whole answer. Names are plain words. */
  noResultFrom(tools: readonly string[]): string;
  toolsUnreachable: string;
  /** Of these servers alone. */
  toolsMissing(names: readonly string[]): string;
  modelBusy(seconds: number): string;
  /** The agent's own model could not be asked. */
  otherModel: string;
  /** In English also for the model. */
  fileFaults: Readonly<Record<FileFault, string>>;
  filesNotRead(files: readonly { name: string; kind: string; fault: FileFault }[]): string;
  /** The last line of pages that do not hold all of an answer. */
  restInFile(name: string): string;
}

export const LANGUAGES: Readonly<Record<string, Texts>> = { en: english, ru: russian, de: german, zh: chinese };

/** The texts of a language as a platform names it, for example `de-AT`; English where there are none, and for "". */
export function textsFor(language: string): Texts {
  return LANGUAGES[language.toLowerCase().split(/[-_]/)[0] ?? ""] ?? english;
}
