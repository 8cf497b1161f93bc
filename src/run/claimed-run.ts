import type { OutboxId, RunId, SessionId, TraceId, UserId } from "../ids.ts";
import type { ClaimedLane } from "../store/lanes.ts";
import type { RunBudget, RunTarget } from "../store/schema.ts";
import type { EndBeforeStart } from "./end-before-start.ts";
import type { TurnInput } from "./turn.ts";

/** A run as the claim loop hands it over. */
export interface ClaimedRun {
  session: SessionId;
  user: UserId;
  id: RunId;
  trace: TraceId;
  lane: ClaimedLane;
  arrivals: number;
  /** Something waits that this run did not take. */
  moreWaits: boolean;
  agent: string;
  /** As it was chosen for the session; null = the agent's own. */
  model: string | null;
  /** Whose run is the newest of the history; null = nobody's. */
  follows: string | null;
  /** What the gateway's own words are said in; "" = unknown. */
  language: string;
  attempt: number;
  target: RunTarget | null;
  firstPage: OutboxId | null;
  /** The user turn; null = read it back from the inbox (take-over). */
  turn: TurnInput[] | null;
  /** Its people had been told that they wait. */
  told?: boolean;
  /** It goes on after people were asked. */
  asked?: boolean;
  /** The attempt before it died. */
  crashed?: boolean;
  /** What was said meanwhile may join it at its next boundary. */
  joined?: boolean;
  /** End it instead of going on. */
  end: EndBeforeStart | null;
  budget: RunBudget | null;
  queuedMs: number;
}
