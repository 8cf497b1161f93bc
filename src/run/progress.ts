import type { Message } from "../agent/message.ts";
import { innermost, type RunEvent } from "../agent/run-event.ts";
import type { Task } from "../platform/platform-adapter.ts";
import type { Texts } from "../texts/texts.ts";
import { cutAt, digestArguments, digestText } from "./argument-digest.ts";

/** Tools that have a line of their own, and how many may have one where a card asks for it. */
const MAX_LINES = 6;
const MOST_LINES = 20;
const MAX_TITLE = 40;
/** Tools that are known one by one, the newest. */
const MAX_TASKS = 30;
/** Larger totals are bytes or the like, of which a part in a hundred says more. */
const MAX_COUNT = 1_000;
/** A shorter wait for the model is not worth a message of its own. */
const LONG_WAIT_MS = 3_000;

interface ToolLine {
  tool: string;
  /** What it is for; "" = unknown. */
  digest: string;
  /** Of an agent: the call it made last. */
  inner: { callId: string; title: string; doing: string } | null;
  /** How far it is, in its own words; "" = it does not tell. */
  doing: string;
  startedAt: number;
  /** How many calls had begun before. */
  order: number;
  /** null = it runs. */
  ended: { ok: boolean; ms: number } | null;
}

/**
 * What a run does besides speaking, for the chat and never for the history: tools at work, and what it waits for.
 * Times are those of `now`, in ms.
 */
export class Progress {
  /** Null = the usual number. */
  maxLines: number | null = null;
  readonly #now: () => number;
  /** Tools since the run last spoke, in the order they began. */
  readonly #lines = new Map<string, ToolLine>();
  /** Tools of this attempt, by how many calls had begun before. */
  readonly #tasks = new Map<number, ToolLine>();
  /** Calls that earlier attempts left open. */
  readonly #open = new Map<string, { tool: string; args: string }>();
  /** Tools without a result that were not called again with more luck, and how many calls had begun by then. */
  readonly #failed = new Map<string, { tool: string; begun: number }>();
  #begun = 0;
  #done = 0;
  #busyMs = 0;
  #busySince = 0;
  /** Since the last tool. */
  #spoken = true;
  /** Whose tools are out of reach; empty = all; null = none. */
  #outOfReach: string[] | null = null;
  /** Null seconds = until its turn comes. */
  #wait: { seconds: number | null; since: number } | null = null;
  #otherModel = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes a message that an earlier attempt has finished. */
  keep({ parts }: Message): void {
    for (const part of parts) {
      if (part.type === "tool_call") {
        this.#open.set(part.callId, part);
        this.#begun += 1;
      }
      if (part.type !== "tool_result") continue;
      const tool = this.#open.get(part.callId)?.tool ?? "";
      this.#open.delete(part.callId);
      this.#done += 1;
      // All calls of a step begin before any of them ends.
      this.#judge({ callId: part.callId, tool, ok: part.ok, order: this.#begun - 1 });
    }
  }

  /** Takes the next event of the run; true = there is something else to show. */
  take(event: RunEvent): boolean {
    switch (event.type) {
      case "tool.started":
        this.#start(event);
        return true;
      case "tool.finished":
        this.#finish(event);
        return true;
      case "tool.progress": {
        const line = this.#lines.get(event.callId);
        return line !== undefined && line.ended === null && goOn(line, howFar(event));
      }
      case "notice":
        this.#wait = null;
        if (event.code === "tools_unreachable") this.#outOfReach = (event.servers ?? []).map(titleOf);
        else if (event.code === "agent_busy") this.#wait = { seconds: null, since: this.#now() };
        else if (event.code === "model_fallback") this.#otherModel = true;
        else this.#wait = { seconds: Math.ceil(event.waitMs / 1000), since: this.#now() };
        return true;
      case "child.event":
        return this.#within(event.callId, innermost(event));
      case "text.delta":
        this.#spoken = true;
        this.#wait = null;
        return false;
      case "step.started":
      case "message.completed":
        this.#wait = null;
        return false;
      case "reasoning.delta":
      case "run.started":
      case "run.restarted":
      case "usage":
      case "history.compacted":
      case "approval.requested":
      case "approval.resolved":
      case "run.waiting":
      case "run.completed":
      case "run.failed":
      case "run.cancelled":
        return false;
      default:
        return event satisfies never;
    }
  }

  /** Since when there is something that is worth a message although nothing was said; null = there is nothing. */
  get since(): number | null {
    const times = this.#running().map(({ startedAt }) => startedAt);
    if (this.#wait && (this.#wait.seconds ?? Infinity) * 1000 >= LONG_WAIT_MS) times.push(this.#wait.since);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** When the lines change by themselves, in ms; null = they do not. */
  get againInMs(): number | null {
    if (this.#running().length === 0) return null;
    const elapsed = this.#now() - this.#firstStart();
    const step = stepOf(elapsed);
    return step - (elapsed % step);
  }

  /** The lines under the text while the run goes on, as Markdown; "" = there are none. */
  lines(texts: Texts): string {
    const lines = this.#spoken ? this.#doneLine(texts) : this.#toolLines(texts);
    if (this.#wait) lines.push(this.#wait.seconds === null ? texts.agentBusy : texts.modelBusy(this.#wait.seconds));
    if (this.#outOfReach) lines.push(outOfReach(this.#outOfReach, texts));
    if (this.#otherModel) lines.push(texts.otherModel);
    return lines.join("\n");
  }

  /** The tools one by one, for platforms that show them in their own way. */
  get tasks(): Task[] {
    return [...this.#tasks.values()].map(({ tool, digest, order, ended }) => {
      const state = ended === null ? "running" : ended.ok ? "done" : "failed";
      return { id: `tool-${order}`, title: titleOf(tool), about: digest, state };
    });
  }

  /** What still matters when the run is over, as Markdown; "" = nothing. */
  remarks(texts: Texts): string {
    const failed = [...new Set([...this.#failed.values()].map(({ tool }) => titleOf(tool)))];
    return [
      ...(failed.length > 0 ? [texts.noResultFrom(failed)] : []),
      ...(this.#outOfReach ? [outOfReach(this.#outOfReach, texts)] : []),
      ...(this.#otherModel ? [texts.otherModel] : []),
    ].join("\n");
  }

  #start({ callId, tool, args }: { callId: string; tool: string; args: string }): void {
    if (this.#spoken) this.#lines.clear();
    this.#spoken = false;
    const startedAt = this.#now();
    if (this.#running().length === 0) this.#busySince = startedAt;
    this.#open.delete(callId);
    const line: ToolLine = {
      ended: null,
      tool,
      digest: digestArguments(args),
      inner: null,
      doing: "",
      startedAt,
      order: this.#begun,
    };
    this.#lines.set(callId, line);
    this.#tasks.set(line.order, line);
    this.#tasks.delete(line.order - MAX_TASKS);
    this.#begun += 1;
  }

  /** An agent's line tells of the tool it called last, and how far that is. */
  #within(callId: string, event: RunEvent): boolean {
    const line = this.#lines.get(callId);
    if (!line || line.ended) return false;
    const { inner } = line;
    if (event.type === "tool.started") {
      line.inner = { callId: event.callId, title: titleOf(event.tool), doing: "" };
      return line.inner.title !== inner?.title || inner.doing !== "";
    }
    if (event.type !== "tool.progress" && event.type !== "tool.finished") return false;
    return inner?.callId === event.callId && goOn(inner, event.type === "tool.progress" ? howFar(event) : "");
  }

  #finish({ callId, tool, ok, ms }: { callId: string; tool: string; ok: boolean; ms: number }): void {
    if (!this.#lines.has(callId)) this.#start({ callId, tool, args: this.#open.get(callId)?.args ?? "" });
    const line = this.#lines.get(callId);
    if (!line) return;
    line.ended = { ok, ms };
    this.#done += 1;
    if (this.#running().length === 0) this.#busyMs += this.#now() - this.#busySince;
    this.#judge({ callId, tool, ok, order: line.order });
  }

  #judge({ callId, tool, ok, order }: { callId: string; tool: string; ok: boolean; order: number }): void {
    if (!ok) return void this.#failed.set(callId, { tool, begun: this.#begun });
    for (const [id, failure] of this.#failed) {
      if (failure.tool === tool && order >= failure.begun) this.#failed.delete(id);
    }
  }

  #running(): ToolLine[] {
    return [...this.#lines.values()].filter(({ ended }) => ended === null);
  }

  #firstStart(): number {
    return Math.min(...this.#running().map(({ startedAt }) => startedAt));
  }

  #doneLine(texts: Texts): string[] {
    return this.#done === 0 ? [] : [texts.toolsDone(this.#done, Math.round(this.#busyMs / 1000))];
  }

  /** Those that run, and of the others the newest. */
  #toolLines(texts: Texts): string[] {
    const lines = [...this.#lines.values()];
    const first = lines
      .toSorted((a, b) => rank(a) - rank(b))
      .slice(0, Math.min(this.maxLines ?? MAX_LINES, MOST_LINES));
    const shown = lines.filter((line) => first.includes(line)).map((line) => this.#toolLine(line, texts));
    return lines.length > shown.length ? [...shown, texts.moreTools(lines.length - shown.length)] : shown;
  }

  #toolLine({ tool, digest, inner, doing, startedAt, ended }: ToolLine, texts: Texts): string {
    const sign = ended === null ? "⏳" : ended.ok ? "✓" : "✗";
    const seconds = ended === null ? this.#secondsSince(startedAt) : Math.round(ended.ms / 1000);
    const what = digest === "" ? titleOf(tool) : `${titleOf(tool)}: ${asCode(digest)}`;
    const now = ended === null ? [inner?.title ?? "", inner?.doing ?? doing].filter((part) => part !== "") : [];
    return `${sign} ${what}${now.length > 0 ? ` → ${now.join(": ")}` : ""}${seconds < 1 ? "" : ` · ${texts.seconds(seconds)}`}`;
  }

  /** All running tools count on together, so that their lines change at the same moments. */
  #secondsSince(startedAt: number): number {
    const first = this.#firstStart();
    const elapsed = this.#now() - first;
    const shownAt = first + elapsed - (elapsed % stepOf(elapsed));
    return Math.floor(Math.round(shownAt - startedAt) / 1000);
  }
}

/** How often seconds are shown anew: edits are few, and the longer it takes the less each second matters. */
function stepOf(elapsedMs: number): number {
  return elapsedMs < 30_000 ? 5_000 : elapsedMs < 120_000 ? 15_000 : 60_000;
}

function rank({ ended, order }: ToolLine): number {
  return ended === null ? order : Number.MAX_SAFE_INTEGER - order;
}

function outOfReach(servers: readonly string[], texts: Texts): string {
  return servers.length > 0 ? texts.toolsMissing(servers) : texts.toolsUnreachable;
}

/** The tool's name as words: nothing in it can be Markdown, a mention or an address. */
function titleOf(tool: string): string {
  const words = tool
    .replace(/^agent__/, "")
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
  return cutAt(words, MAX_TITLE) || "…";
}

/** True = it was elsewhere before. */
function goOn(at: { doing: string }, doing: string): boolean {
  const before = at.doing;
  at.doing = doing;
  return doing !== before;
}

/** Whatever a tool says of itself is other people's text. */
function howFar({ progress, total, text }: { progress: number; total?: number; text: string }): string {
  const said = digestText(text);
  const part = total === undefined ? "" : partOf(progress, total);
  const all = [part, said].filter((words) => words !== "").join(" ");
  return all === "" ? "" : asCode(all);
}

/** "3/10" where both can be counted, else "30 %"; "" = it makes no sense. */
function partOf(progress: number, total: number): string {
  if (!(total > 0 && progress >= 0 && progress <= total)) return "";
  const counted = Number.isInteger(progress) && Number.isInteger(total) && total <= MAX_COUNT;
  return counted ? `${progress}/${total}` : `${Math.floor((100 * progress) / total)} %`;
}

/** Within code no platform looks for mentions and addresses. */
function asCode(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}
