import type { ApprovalId, FileId, MessageId, TraceId } from "../ids.ts";
import type { Message, MessageStatus } from "./message.ts";
import type { Usage } from "./model-client.ts";

/** What a person says to a call that asks, or what becomes of it without: nobody said anything, or its run ended. */
export type ApprovalDecision = "approved" | "denied" | "expired" | "cancelled";

/** A call that a person is asked for. `again`: it was under way at a crash, and may have been done. */
export interface AskedCall {
  callId: string;
  tool: string;
  args: string;
  again: boolean;
}

/**
 * One thing that happened in a run, without its envelope (session, run, attempt, n: see run/). The names are the API's.
 * `message.completed` carries each message that will be merged, in order; `text.delta`s since the previous one joined
 * equal its text.
 */
export type RunEvent =
  /** `traceId`: of the run, not of agents it calls. */
  | { type: "run.started"; agent: string; traceId?: TraceId }
  /** First event of every attempt after the first: `kept` is what earlier attempts finished, `inFlight` their calls without a result; their later text is void. */
  | { type: "run.restarted"; agent: string; traceId?: TraceId; kept: Message[]; inFlight: string[] }
  | { type: "step.started"; step: number }
  | { type: "text.delta"; text: string }
  /**
   * What the model thinks before the words and calls of a step, which is the run's `step`th answer of its agent, and for
   * how long it has so far. Shown to whoever asks for it, in no message, and void with a step that is made again.
   */
  | { type: "reasoning.delta"; step: number; text: string; ms: number }
  | { type: "tool.started"; callId: string; tool: string; args: string; readOnly: boolean }
  /** How far a running call is, in its tool's own words; `total` is left out where nobody knows it. Shown, and never stored. */
  | { type: "tool.progress"; callId: string; progress: number; total?: number; text: string }
  | { type: "tool.finished"; callId: string; tool: string; ok: boolean; ms: number; text: string; file?: FileId }
  /** `messageId`: of a user message that joined the run. */
  | { type: "message.completed"; message: Message; messageId?: MessageId }
  /** What is old is summed up for the model from now on: tokens of what it is replayed, about. */
  | { type: "history.compacted"; before: number; after: number }
  /** `callId`: of the call of another agent that used it, `agent`: that agent. */
  | { type: "usage"; model: string; usage: Usage; callId?: string; agent?: string }
  /**
   * What an agent did that was called as a tool, from its own `run.started` to its end, without its deltas (its messages
   * hold the text) and its usage (which counts as the run's). After an abort the call's end may be all there is.
   */
  | { type: "child.event"; callId: string; instance: string; event: RunEvent }
  /** `servers`: whose tools the run does without; left out: there are no tools at all. */
  | { type: "notice"; code: "tools_unreachable"; level: "warning"; text: string; servers?: string[] }
  /** The model is asked again after `waitMs`. */
  | { type: "notice"; code: "model_busy"; level: "info"; text: string; waitMs: number }
  /** The agent answers as many as it may; this run waits for its turn. */
  | { type: "notice"; code: "agent_busy"; level: "info"; text: string }
  /** From here on `to` answers instead of `from` (null = the default model); `why`: what kept it, for the operator. */
  | {
      type: "notice";
      code: "model_fallback";
      level: "warning";
      text: string;
      from: string | null;
      to: string;
      why: string;
    }
  | ({ type: "approval.requested"; approval: ApprovalId; expiresAt: string } & AskedCall)
  /** `by`: who decided, as `<platform>:<id>` or a user's id; null = nobody. */
  | { type: "approval.resolved"; approval: ApprovalId; callId: string; decision: ApprovalDecision; by: string | null }
  /** In place of a final event, and known to the runner's consumer alone: another attempt goes on when these are decided. */
  | { type: "run.waiting"; calls: AskedCall[] }
  | { type: "run.completed"; stopReason: "stop" | "length" | "max_steps" | "budget" }
  | { type: "run.failed"; code: string; message: string; cause?: unknown }
  | { type: "run.cancelled"; by: "stop" | "interrupt" | "shutdown" | "place_gone" };

export type RunWaiting = Extract<RunEvent, { type: "run.waiting" }>;
export type FinalRunEvent = Extract<RunEvent, { type: "run.completed" | "run.failed" | "run.cancelled" }>;

export function isFinal(event: RunEvent): event is FinalRunEvent {
  return event.type === "run.completed" || event.type === "run.failed" || event.type === "run.cancelled";
}

/** The event itself, or the one that happened in the agent of an agent … it tells of. */
export function innermost(event: RunEvent): RunEvent {
  return event.type === "child.event" ? innermost(event.event) : event;
}

/** The status a message of a run that ended like this is stored with, when it was cut in the middle. */
export function cutStatus(event: FinalRunEvent): MessageStatus {
  return event.type === "run.cancelled" ? "interrupted" : "truncated";
}
