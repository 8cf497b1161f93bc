import type { BusyPolicy } from "../agent/busy-policy.ts";
import type { DrainInput, LaneState } from "../store/lanes.ts";
import type { CompactionAsked } from "../store/schema.ts";
import type { EndBeforeStart } from "./end-before-start.ts";

/** What a claimed lane does next. `withdrawn`: arrivals that a stop covers. `more`: something waits besides. */
export type DrainDecision =
  | { kind: "resume"; end: EndBeforeStart | null }
  | { kind: "start"; inputs: DrainInput[]; withdrawn: number[]; more: boolean }
  | { kind: "compact"; asked: CompactionAsked }
  | { kind: "wait"; delayMs: number }
  | { kind: "idle"; withdrawn: number[]; more: boolean };

/** Attempts that may die before the run fails and the person is told. */
export const MAX_CRASHES = 3;
/** A run that has stood still this long at take-over is not continued; a message this old says when it was written. */
export const STALE_MS = 15 * 60_000;
/** Messages one run takes at most; `readLanes` reads no more. */
const MAX_INPUTS = 200;

/** How long evidence of a burst lets a drain wait, from the arrival that gives it (DESIGN §5.2; facts: Telegram §5). */
const ALBUM_MS = 1_000;
const LONG_PART_MS = 1_500;
const FORWARD_MS = 1_000;
const QUICK_MS = 400;
const QUICK_WITHIN_MS = 1_000;
const BURST_MAX_MS = 7_500;
const BESIDE_MS = 500;

/**
 * Pure: reads a lane's state and decides, by what is to become of messages that find a run under way. A plain message to
 * an idle session starts at once.
 */
export function decideDrain(lane: LaneState, policy: BusyPolicy): DrainDecision {
  if (lane.run?.state === "waiting") return decideWaiting(lane, lane.run);
  if (lane.run) return { kind: "resume", end: endBeforeResume(lane, lane.run) };
  if (lane.compact) return { kind: "compact", asked: lane.compact };
  const withdrawn = lane.waiting.filter((input) => input.arrival_no <= lane.stop_through);
  const all = lane.waiting.filter((input) => input.arrival_no > lane.stop_through);
  const inputs = forAgent(all, all[0]?.asks ?? null);
  const gone = withdrawn.map((input) => input.arrival_no);
  const more = lane.waiting.length >= MAX_INPUTS || inputs.length < all.length;
  if (inputs.length === 0) return { kind: "idle", withdrawn: gone, more };
  // What runs beside began when this was a place for that.
  if (lane.others > 0 && policy !== "parallel") return { kind: "wait", delayMs: BESIDE_MS };
  const delayMs = burstDelayMs(inputs, lane.now_ms);
  if (delayMs > 0) return { kind: "wait", delayMs };
  return { kind: "start", inputs, withdrawn: gone, more };
}

/** What one turn may take: nothing behind a message that another agent is to answer. */
function forAgent(inputs: DrainInput[], asked: string | null): DrainInput[] {
  const other = inputs.findIndex(({ asks }) => asks !== asked);
  return other === -1 ? inputs : inputs.slice(0, other);
}

type LaneRun = NonNullable<LaneState["run"]>;

/** A run that waits for people costs no time: it goes on when all is decided, or nobody may decide any more. */
function decideWaiting(lane: LaneState, run: LaneRun): DrainDecision {
  const end = lane.place?.gone ? "place_gone" : endByLevel(lane, run);
  const leftMs = (run.asks_until_ms ?? 0) - lane.now_ms;
  return end === null && leftMs > 0 ? { kind: "wait", delayMs: Math.ceil(leftMs) } : { kind: "resume", end };
}

function endBeforeResume(lane: LaneState, run: LaneRun): EndBeforeStart | null {
  const end = endByLevel(lane, run);
  if (end !== null) return end;
  if (run.budget?.refused) return "over_budget";
  if (run.crashes + (run.handed_over ? 0 : 1) >= MAX_CRASHES) return "crashed";
  return lane.now_ms - run.alive_ms > STALE_MS ? "stale" : null;
}

function endByLevel(lane: LaneState, run: LaneRun): "stop" | "interrupt" | null {
  if (run.stop || lane.stop_through >= run.input_through) return "stop";
  const mayInterrupt = (input: DrainInput) =>
    run.authors.length === 0 || (input.author !== null && run.authors.includes(input.author.id));
  const newer = lane.waiting.filter((input) => input.arrival_no > run.input_through);
  return run.policy === "interrupt" && forAgent(newer, run.asked).some(mayInterrupt) ? "interrupt" : null;
}

/** How much longer a burst may go on, in ms; 0 = start. Measured from the arrivals, never over 7.5 s in all. */
export function burstDelayMs(inputs: DrainInput[], nowMs: number): number {
  const first = inputs[0];
  const last = inputs.at(-1);
  if (!first || !last) return 0;
  const quick = inputs.length > 1 && last.received_ms - inputs.at(-2)!.received_ms < QUICK_WITHIN_MS;
  const waitMs =
    last.burst === "long"
      ? LONG_PART_MS
      : last.burst === "album"
        ? ALBUM_MS
        : last.burst === "forward"
          ? FORWARD_MS
          : quick
            ? QUICK_MS
            : 0;
  const until = Math.min(last.received_ms + waitMs, first.received_ms + BURST_MAX_MS);
  return Math.max(0, Math.ceil(until - nowMs));
}
