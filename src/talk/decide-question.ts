import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { answeredPage } from "../run/approval-question.ts";
import { type Asked, decide, rewriteQuestion } from "../store/approvals.ts";
import type { Trx } from "../store/schema.ts";
import { textsFor } from "../texts/texts.ts";

/**
 * Decides a question, lets its run go on, and has the chat show who decided, all in one transaction. `messageId`: where
 * the question was seen, null = elsewhere. False = nothing is left to decide.
 */
export async function decideQuestion(
  trx: Trx,
  question: Asked,
  decision: "approved" | "denied",
  by: { id: string; name: string; messageId: string | null; adapter: PlatformAdapter | undefined },
): Promise<boolean> {
  if (!(await decide(trx, question, decision, by.id))) return false;
  if (question.page && by.adapter) {
    const content = answeredPage(by.adapter, question, decision, by.name, textsFor(question.language));
    await rewriteQuestion(trx, question.page, content, by.messageId);
  }
  return true;
}
