import type { AgentCard } from "../agent/agent-card.ts";
import type { Compacted, CompactOptions } from "../agent/agent-runner.ts";
import type { CloneParts } from "../agent/clone.ts";
import type { Message } from "../agent/message.ts";
import type { ModelClient, Sampling } from "../agent/model-client.ts";
import { repairHistory } from "../agent/repair-history.ts";
import { cutAt, estimateTokens, joinLines, leftOutNote, summaryMessage } from "../agent/replay-window.ts";
import { summarise } from "../agent/summarise.ts";
import { TokenGauge } from "../agent/token-gauge.ts";
import { keepCompaction } from "../store/compactions.ts";
import { messagesBetween, type StoredMessage, type StoredWindow } from "../store/messages.ts";
import type { Attempt } from "../store/run-levels.ts";
import { type RunRoom, WINDOW_ROWS } from "./run-room.ts";

export interface RunHistoryParts {
  room: RunRoom;
  run: Attempt;
  card: AgentCard;
  model: ModelClient;
  /** Waits for a database that is away. */
  surely: <T>(work: () => Promise<T>) => Promise<T>;
}

/** How many messages were summed up, and what was replayed before and is after, in tokens. */
export interface CompactedTalk extends Compacted {
  messages: number;
  before: number;
  after: number;
}

const NOTHING: StoredWindow = { summary: "", firstKeptSeq: 1, ratios: {}, messages: [] };

/**
 * What one attempt of a run knows of its session: the newest summary, and the messages after what it stands for. They
 * are all there or it is said that some are missing, which a compaction mends: it reads them, so that nothing falls out
 * between a summary and the window.
 */
export class RunHistory {
  /** How full the model's window is. */
  readonly gauge: TokenGauge;
  readonly #parts: RunHistoryParts;
  #summary: string;
  #firstKept: number;
  #messages: readonly StoredMessage[];
  readonly #hidden: NonNullable<StoredWindow["hidden"]>;
  readonly #ratios: StoredWindow["ratios"];

  private constructor(parts: RunHistoryParts, { summary, firstKeptSeq, messages, ratios, hidden = [] }: StoredWindow) {
    const { card, model } = parts;
    this.#parts = parts;
    this.#summary = summary;
    this.#firstKept = firstKeptSeq;
    this.#messages = messages;
    this.#hidden = hidden;
    this.#ratios = ratios;
    const tokens = card.outside ? null : model.contextTokens?.(card.model);
    this.gauge = new TokenGauge(tokens ?? undefined, ratios[modelOf(card)] ?? null);
  }

  /** Reads it; of an agent without history it is empty. */
  static async open(parts: RunHistoryParts): Promise<RunHistory> {
    const { room, run, card, surely } = parts;
    return new RunHistory(parts, card.useHistory ? await surely(() => room.window(run.session)) : NOTHING);
  }

  /** Nothing was said before. */
  get isEmpty(): boolean {
    return this.#messages.length === 0 && this.#summary === "";
  }

  /** Messages that no summary stands for and that are not in the window. */
  get missing(): number {
    const first = this.#messages[0];
    if (!first) return 0;
    const takenBack = this.#hidden.map(
      ({ from, before }) => Math.min(before, first.seq) - Math.max(from, this.#firstKept),
    );
    return first.seq - this.#firstKept - takenBack.reduce((sum, count) => sum + Math.max(0, count), 0);
  }

  /** As they are replayed. */
  get messages(): Message[] {
    const summary = joinLines(this.#summary, leftOutNote(this.missing));
    return [...(summary === "" ? [] : [summaryMessage(summary)]), ...this.#messages.map(({ message }) => message)];
  }

  /** What a clone is given of it. */
  forClone(): Pick<CloneParts, "history" | "gauge" | "compact" | "mustCompact"> {
    const given = { history: this.messages, gauge: this.gauge, mustCompact: this.missing > 0 };
    return this.#summariser ? { ...given, compact: (options) => this.compact(options) } : given;
  }

  /** Who sums up; null = nobody does. An agent of another server may act on whatever it is asked. */
  get #summariser(): { model: string | null; sampling: Sampling } | null {
    const { card, room } = this.#parts;
    const { outside } = card;
    if (outside && "remote" in outside && outside.remote.history === "agent") return null;
    const choice = room.agents.settings().agents.get(card.name)?.summary_model;
    return choice ?? (outside ? null : { model: card.model, sampling: {} });
  }

  /** What was learned of the agent's model; for the next run. */
  get ratios(): Record<string, number> {
    const { ratio } = this.gauge;
    const model = modelOf(this.#parts.card);
    return ratio === null || ratio === this.#ratios[model] ? {} : { [model]: ratio };
  }

  /** Sums up what is older than the newest turns that stay. */
  async compact(options: CompactOptions): Promise<CompactedTalk> {
    const { room, run, model, surely } = this.#parts;
    const replayed = this.#messages.map(({ message }) => message);
    const cut = cutAt(replayed, { maxTokens: options.keepTokens, maxMessages: WINDOW_ROWS / 2 });
    const gap = await this.#readGap();
    const old = [...gap, ...this.#messages.slice(0, cut)].map(({ message }) => message);
    const none: CompactedTalk = { history: null, failed: false, usages: [], messages: 0, before: 0, after: 0 };
    const summariser = this.#summariser;
    if (!summariser || old.length === 0 || estimateTokens(old) < options.worth) return none;
    const before = estimateTokens(this.messages) + estimateTokens(gap.map(({ message }) => message));
    const unread = this.missing - gap.length;
    const messages = repairHistory(old);
    const { model: name, sampling } = summariser;
    const summary = await summarise({ ...options, model, name, sampling, earlier: this.#summary, messages });
    const { usages } = summary;
    if (summary.text === null) {
      room.log.warn({ err: summary.cause, session_id: run.session, run_id: run.id }, "a talk could not be summed up");
      return { ...none, failed: true, usages };
    }
    const text = joinLines(leftOutNote(unread), summary.text);
    const kept = this.#messages.slice(cut);
    const firstKeptSeq = kept[0]?.seq ?? (this.#messages.at(-1)?.seq ?? 0) + 1;
    const after = estimateTokens([summaryMessage(text), ...kept.map(({ message }) => message)]);
    const made = {
      firstKeptSeq,
      summary: text,
      tokensBefore: this.gauge.tokens(before),
      tokensAfter: this.gauge.tokens(after),
      model: name ?? "",
    };
    if (!(await surely(() => keepCompaction(room.db, run, made)))) return { ...none, failed: true, usages };
    this.#summary = text;
    this.#firstKept = firstKeptSeq;
    this.#messages = kept;
    const told = { messages: old.length, before: made.tokensBefore, after: made.tokensAfter };
    return { history: repairHistory(this.messages), failed: false, usages, ...told };
  }

  /** The newest of what is missing. */
  async #readGap(): Promise<StoredMessage[]> {
    if (this.missing === 0) return [];
    const { room, run, surely } = this.#parts;
    const before = this.#messages[0]!.seq;
    return surely(() => messagesBetween(room.db, run.session, this.#firstKept, before, WINDOW_ROWS));
  }
}

/** What a model's ratio is kept under: as its card asks for it. */
function modelOf(card: AgentCard): string {
  return card.model ?? "";
}
