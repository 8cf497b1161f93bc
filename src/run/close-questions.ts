import type { SessionId } from "../ids.ts";
import { closeQuestions, rewriteQuestion } from "../store/approvals.ts";
import type { LaneState } from "../store/lanes.ts";
import type { Trx } from "../store/schema.ts";
import { textsFor } from "../texts/texts.ts";
import { answeredPage } from "./approval-question.ts";
import type { RunRoom } from "./run-room.ts";

/** Closes what people were asked for a run that goes on without their answers, or ends; their chat says so. */
export async function closeOpenQuestions(
  trx: Trx,
  room: RunRoom,
  session: SessionId,
  run: NonNullable<LaneState["run"]>,
  decision: "expired" | "cancelled",
): Promise<void> {
  for (const asked of await closeQuestions(trx, session, run.id, decision)) {
    const adapter = asked.account ? room.delivery.adapter(asked.account) : undefined;
    if (!adapter || !asked.page) continue;
    const content = answeredPage(adapter, asked, decision, "", textsFor(asked.language));
    await rewriteQuestion(trx, asked.page, content, null);
  }
}
