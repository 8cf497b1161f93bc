import { newId } from "../ids.ts";
import { openLane } from "../store/lanes.ts";
import { insertReply } from "../store/outbox.ts";
import { hasReceipt } from "../store/receipts.ts";
import { type Attempt, noteQueued, refuseWaiting, type RunLevel, type Told } from "../store/run-levels.ts";
import { withTransaction } from "../store/transaction.ts";
import type { RunTarget, Trx } from "../store/schema.ts";
import { type Texts, textsFor } from "../texts/texts.ts";
import type { RunRoom } from "./run-room.ts";
import type { RunWorker } from "./run-worker.ts";

/** Ends a run here that a stop or a newer message ends, whatever else is to be done. False = it goes on. */
export function endByLevel(worker: RunWorker, level: RunLevel): boolean {
  const interrupts = level.waits && level.own && !worker.isMerging;
  if (level.stopped) worker.end("stop");
  // What came before anything was said joins the turn, whatever the policy.
  else if (interrupts && (level.policy === "interrupt" || worker.isSilent)) worker.end("interrupt");
  else return false;
  return true;
}

/**
 * Does for a run that goes on what its policy says of a newer message. A level, not an event: doing it twice is
 * harmless. After the last word it is too late: what waits then is the next turn.
 */
export async function meetLevel(room: RunRoom, worker: RunWorker, level: RunLevel): Promise<void> {
  if (!level.waits || worker.isMerging) return;
  switch (level.policy) {
    case "steer":
      if (level.joins) return worker.offerSteering();
      return level.untold ? tellQueued(room, worker) : undefined;
    case "parallel":
      await openLane(room.db, worker.claimed.session);
      return room.hints.work();
    case "reject":
      return tell(room, worker, refuseWaiting, (texts) => texts.receiptRefused);
    case "interrupt":
    case "queue":
      return level.untold ? tellQueued(room, worker) : undefined;
    default:
      level.policy satisfies never;
  }
}

function tellQueued(room: RunRoom, worker: RunWorker): Promise<void> {
  return tell(room, worker, noteQueued, (texts) => texts.receiptQueued, "receipt");
}

/** Tells the people of waiting messages what becomes of them; in one transaction with what does. */
async function tell(
  room: RunRoom,
  worker: RunWorker,
  change: (db: Trx, run: Attempt) => Promise<Told | null>,
  words: (texts: Texts) => string,
  kind?: "receipt",
): Promise<void> {
  const told = await withTransaction(room.db, (trx) => tellPeople(trx, room, worker.claimed, change, words, kind));
  if (told) room.hints.outbox();
}

/** The part of it that belongs into a transaction. False = there is nobody who can be told, or who was not. */
export async function tellPeople(
  trx: Trx,
  room: RunRoom,
  run: Attempt & { target: RunTarget | null },
  change: (db: Trx, run: Attempt) => Promise<Told | null>,
  words: (texts: Texts) => string,
  kind?: "receipt",
): Promise<boolean> {
  const { session, target } = run;
  const adapter = target && room.delivery.adapter(target.account);
  if (!target || !adapter) return false;
  const first = await change(trx, run);
  if (!first || (kind && (await hasReceipt(trx, session)))) return false;
  const replyTo = target.placeKind === "group" ? first.chatMessageId : null;
  const [content] = adapter.render(words(textsFor(first.language)));
  const reply = { id: newId("out"), session, target: { ...target, replyTo }, content: content! };
  await insertReply(trx, kind ? { ...reply, kind } : reply);
  return true;
}
