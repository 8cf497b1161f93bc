import type { Joining } from "../agent/agent-runner.ts";
import { newId, type MessageId } from "../ids.ts";
import { insertReply } from "../store/outbox.ts";
import { steerInto } from "../store/run-levels.ts";
import { runInputs } from "../store/runs.ts";
import { withTransaction } from "../store/transaction.ts";
import { textsFor } from "../texts/texts.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/**
 * Binds what waits to a run under way, in one transaction with the receipt its people see, and returns what of all that
 * was bound has not joined yet: a transaction whose answer was lost may have bound it before.
 */
export async function steerWaiting(room: RunRoom, run: ClaimedRun, joined: ReadonlySet<MessageId>): Promise<Joining[]> {
  const { session, id, target, language } = run;
  const adapter = target && room.delivery.adapter(target.account);
  const inputs = await withTransaction(room.db, async (trx) => {
    if ((await steerInto(trx, run)) > 0 && target && adapter) {
      const [content] = adapter.render(textsFor(language).receiptSteered);
      await insertReply(trx, { id: newId("out"), session, target: { ...target, replyTo: null }, content: content! });
    }
    return runInputs(trx, session, id);
  });
  room.hints.outbox();
  return inputs.filter(({ steered, messageId }) => steered && !joined.has(messageId));
}
