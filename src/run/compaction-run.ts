import { systemClock } from "../agent/clock.ts";
import type { FinalRunEvent, RunEvent } from "../agent/run-event.ts";
import { newId, newTraceId } from "../ids.ts";
import type { LaneState } from "../store/lanes.ts";
import type { NewRun } from "../store/runs.ts";
import type { CompactionAsked, RunBudget } from "../store/schema.ts";
import { textsFor } from "../texts/texts.ts";
import type { Answer } from "./answer.ts";
import { begun } from "./resume.ts";
import type { RunHistory } from "./run-history.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/**
 * A compaction that a person has asked for, as a run without a turn: it has its lane, its lease and its place in the
 * chat like any other. What is said meanwhile waits.
 */
export function compactionRun(
  lane: LaneState,
  asked: CompactionAsked,
  budget: RunBudget | null,
): { run: NewRun; claimed: ClaimedRun } {
  const { target, language } = asked;
  const { session_id, arrivals, agent, model } = lane;
  const claimedLane = { session_id, lane: lane.lane, lease_no: lane.lease_no };
  const firstPage = target ? newId("out") : null;
  const shared = {
    id: newId("run"),
    trace: newTraceId(),
    lane: claimedLane,
    agent,
    language,
    target,
    firstPage,
    budget,
  };
  return {
    run: {
      ...shared,
      policy: "queue",
      inputThrough: asked.arrivalNo,
      authors: [],
      queuedAt: new Date(asked.askedMs),
      inputs: [],
    },
    claimed: {
      ...shared,
      session: session_id,
      user: lane.user_id,
      arrivals,
      moreWaits: lane.waiting.length > 0,
      model,
      attempt: 1,
      turn: [],
      follows: null,
      end: budget?.refused ? "over_budget" : null,
      queuedMs: asked.askedMs,
    },
  };
}

/** Sums up all that was said; the answer is what came of it. */
export async function compactTalk(
  history: RunHistory,
  { answer, run, signal }: { answer: Answer; run: ClaimedRun; signal: AbortSignal },
  take: (event: RunEvent) => Promise<void>,
): Promise<FinalRunEvent> {
  const { agent, language } = run;
  const texts = textsFor(language);
  await take(begun(run, agent));
  const windowTokens = history.gauge.estimate(history.gauge.window);
  const options = { keepTokens: 0, worth: 0, windowTokens, clock: systemClock, random: Math.random, signal };
  const { usages, failed, messages, before, after, ...made } = await history.compact(options);
  for (const { model, usage } of usages) await take({ type: "usage", model, usage });
  if (made.history) {
    await take({ type: "history.compacted", before, after });
    answer.preface = texts.summedUp(messages, before, after);
  } else if (signal.aborted) {
    return { type: "run.cancelled", by: "stop" };
  } else {
    answer.preface = failed ? texts.notSummedUp : texts.nothingToSumUp;
  }
  return { type: "run.completed", stopReason: "stop" };
}
