import type { AgentCard } from "./agent-card.ts";
import type { MessageId } from "../ids.ts";
import type { Clock } from "./clock.ts";
import type { Message } from "./message.ts";
import type { ModelClient, SentImages } from "./model-client.ts";
import type { Summary } from "./summarise.ts";
import type { TokenGauge } from "./token-gauge.ts";
import type { ApprovalDecision, RunEvent } from "./run-event.ts";
import type { ToolSource } from "./tool-source.ts";
import type { Traceparent } from "./traceparent.ts";

/** The fresh instance for one run: plain data and views, no connection of its own. */
export interface Clone {
  card: AgentCard;
  /** What the gateway's own words are said in; "" = English. */
  language: string;
  /** The replay window, already repaired; empty when the card says `use_history: false`. */
  history: readonly Message[];
  /** How full the model's window is. */
  gauge: TokenGauge;
  /** Has the older part of the history summed up, and keeps that; left out: it cannot be. */
  compact?: (options: CompactOptions) => Promise<Compacted>;
  /** True: older messages are missing from the history, so it is to be summed up however short it is. */
  mustCompact: boolean;
  /** The run's user turn. */
  turn: readonly Message[];
  /** What earlier attempts of this run finished (assistant messages with calls, and tool results), in order. */
  kept: readonly Message[];
  /** Calls of the last kept message that were started without a known result, by callId. */
  inFlight: ReadonlySet<string>;
  /** What was decided of calls of the last kept message that ask, by callId; approvals that are used up are not among them. */
  decisions: ReadonlyMap<string, ApprovalDecision>;
  /** Pictures of history and turn that the model is shown. */
  images: SentImages;
  model: ModelClient;
  tools: ToolSource;
  /** What an agent that keeps the talk itself knows it by; left out: this run is a talk of its own. */
  session?: string;
  /** The span of this agent at work, for what it has others do; left out: nobody traces it. */
  traceparent?: Traceparent;
  /** Called at a model boundary: what the person said meanwhile and now belongs to this turn; usually nothing. */
  steer(): Promise<Joining[]>;
  /** True = the run has used the tokens or the money it may: no further step is begun. */
  usedUp(): boolean;
}

/** How a history is to be summed up; tokens are our estimate. */
export interface CompactOptions {
  /** The newest turns that stay as they are. */
  keepTokens: number;
  /** What is older must be so much, or nothing is done. */
  worth: number;
  /** What the model reads at once. */
  windowTokens: number;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
}

/** What became of a history. */
export interface Compacted {
  /** What is replayed from now on, repaired; null = what was before. */
  history: Message[] | null;
  /** It was to be summed up, and could not be. */
  failed: boolean;
  usages: Summary["usages"];
}

/** A message that joins a run under way. */
export interface Joining {
  messageId: MessageId;
  message: Message;
}

/** The reason of an abort after which another attempt goes on: nothing is made up about calls that have no result. */
export const HAND_OVER = "hand over";

/**
 * Runs a clone. Contract: never throws; failure is the last event. Yields exactly one final event, last; or
 * `run.waiting` instead, when nothing is left to do until a person has decided. The consumer
 * asks for the next event only when the previous one is as durable as it must be, so a `tool.started` is committed
 * before the tool runs. When `signal` aborts, ends soon with `run.cancelled` (its `by` is replaced by the consumer's
 * reason), after a `message.completed` with status `interrupted` for text that was already said.
 */
export interface AgentRunner {
  run(clone: Clone, signal: AbortSignal): AsyncIterable<RunEvent>;
}
