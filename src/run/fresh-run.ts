import type { BusyPolicy } from "../agent/busy-policy.ts";
import { type AccountId, newId, newTraceId, type TraceId } from "../ids.ts";
import type { LaneState } from "../store/lanes.ts";
import { asSaid, type NewRun, turnMessage } from "../store/runs.ts";
import type { RunBudget, RunTarget } from "../store/schema.ts";
import type { DrainDecision } from "./drain.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/** A lane in which a run may begin. */
export interface Start {
  lane: LaneState;
  decision: Extract<DrainDecision, { kind: "start" }>;
  policy: BusyPolicy;
}

/** A run that knows its trace. */
export type TracedRun = NewRun & { trace: TraceId };

/** What waits in a lane as a run that is to begin. */
export function newRun({ lane, decision: { inputs }, policy }: Start, budget: RunBudget | null): TracedRun {
  const last = inputs.at(-1)!;
  const target = targetOf(lane, inputs, policy);
  const authors = inputs.flatMap((input) => (input.author ? [input.author.id] : []));
  return {
    id: newId("run"),
    trace: newTraceId(),
    lane: { session_id: lane.session_id, lane: lane.lane, lease_no: lane.lease_no },
    agent: inputs[0]!.asks ?? lane.agent,
    asked: inputs[0]!.asks,
    policy,
    language: last.language,
    inputThrough: last.arrival_no,
    authors: lane.place?.kind === "group" ? [...new Set(authors)] : [],
    target,
    queuedAt: new Date(inputs[0]!.received_ms),
    inputs: inputs.map((input) => input.arrival_no),
    firstPage: target ? newId("out") : null,
    budget,
  };
}

/** The answer goes to the newest message that came from the place; what came over the API is read over the API. */
function targetOf(lane: LaneState, inputs: LaneState["waiting"], policy: BusyPolicy = "interrupt"): RunTarget | null {
  const { place } = lane;
  const last = inputs.findLast((input) => input.account_id === place?.account_id);
  if (!place || !last) return null;
  return {
    account: place.account_id,
    chat: place.chat,
    thread: place.thread,
    // Where answers may come side by side, each says what it answers.
    replyTo: place.kind === "group" || policy === "parallel" ? last.chat_message_id : null,
    placeKind: place.kind,
  };
}

/** Where the lane's next answer is shown; null = over the API only. */
export function accountOf(lane: LaneState): AccountId | null {
  if (lane.run) return lane.run.reply_target?.account ?? null;
  if (lane.compact) return lane.compact.target?.account ?? null;
  return targetOf(lane, lane.waiting)?.account ?? null;
}

/** The same as its worker is to know it. */
export function claimedFresh({ lane, decision: { inputs, more } }: Start, run: TracedRun): ClaimedRun {
  return {
    session: lane.session_id,
    user: lane.user_id,
    id: run.id,
    trace: run.trace,
    lane: run.lane,
    arrivals: lane.arrivals,
    moreWaits: more,
    agent: run.agent,
    follows: lane.answered_by,
    // It was chosen for the session's own agent.
    model: run.asked ? null : lane.model,
    language: run.language,
    attempt: 1,
    target: run.target,
    firstPage: run.firstPage,
    turn: asSaid(
      inputs.map((input) => ({
        messageId: input.message_id,
        message: turnMessage(input.parts, input.author),
        chatMessageId: input.chat_message_id,
        writtenAt: input.written_ms,
        receivedMs: input.received_ms,
      })),
    ),
    told: inputs.some(({ receipt }) => receipt !== null),
    budget: run.budget ?? null,
    end: run.budget?.refused ? "over_budget" : null,
    queuedMs: inputs[0]!.received_ms,
  };
}
