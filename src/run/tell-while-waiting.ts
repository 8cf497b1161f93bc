import type { ClaimedLane, LaneState } from "../store/lanes.ts";
import { openLane } from "../store/lanes.ts";
import { noteQueued, refuseWaiting } from "../store/run-levels.ts";
import type { Trx } from "../store/schema.ts";
import { tellPeople } from "./meet-level.ts";
import type { RunRoom } from "./run-room.ts";

/**
 * Does for a run that waits for people what its policy says of newer messages, as its worker would. Belongs into the
 * claim's transaction. `some`: there are those who are to be told a moment later.
 */
export async function tellWhileWaiting(
  trx: Trx,
  room: RunRoom,
  lane: LaneState & ClaimedLane,
  run: NonNullable<LaneState["run"]>,
): Promise<"all" | "some"> {
  const newer = lane.waiting.filter(({ arrival_no }) => arrival_no > run.input_through);
  if (newer.length === 0) return "all";
  const asked = { session: lane.session_id, id: run.id, attempt: run.attempt, target: run.reply_target };
  switch (run.policy) {
    case "parallel":
      await openLane(trx, lane.session_id);
      return "all";
    case "reject":
      await tellPeople(trx, room, asked, refuseWaiting, (texts) => texts.receiptRefused);
      return "all";
    case "interrupt":
    case "steer":
    case "queue": {
      const told = await tellPeople(trx, room, asked, noteQueued, (texts) => texts.receiptQueued, "receipt");
      return told || newer.every(({ receipt, chat_message_id: id }) => receipt !== null || id === null)
        ? "all"
        : "some";
    }
    default:
      return run.policy satisfies never;
  }
}
