import type { Joining } from "../agent/agent-runner.ts";
import { newId } from "../ids.ts";
import { insertReply } from "../store/outbox.ts";
import { steerInto } from "../store/run-levels.ts";
import { withTransaction } from "../store/transaction.ts";
import { textsFor } from "../texts/texts.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./run-worker.ts";

/** Binds what waits to a run under way, in one transaction with the receipt its people see. */
export async function steerWaiting(room: RunRoom, run: ClaimedRun): Promise<Joining[]> {
  const { session, target, language } = run;
  const adapter = target && room.delivery.adapter(target.account);
  const joining = await withTransaction(room.db, async (trx) => {
    const bound = await steerInto(trx, run);
    if (bound.length === 0 || !target || !adapter) return bound;
    const [content] = adapter.render(textsFor(language).receiptSteered);
    await insertReply(trx, { id: newId("out"), session, target: { ...target, replyTo: null }, content: content! });
    return bound;
  });
  if (joining.length > 0) room.hints.outbox();
  return joining;
}
