import type { Clone } from "../agent/agent-runner.ts";
import { toolSettings } from "../agent/agent-settings.ts";
import type { AskedCall, RunEvent } from "../agent/run-event.ts";
import { newId } from "../ids.ts";
import { decisionsOf, pauseRun, type Question } from "../store/approvals.ts";
import type { Db } from "../store/schema.ts";
import { insertReply } from "../store/outbox.ts";
import { withTransaction } from "../store/transaction.ts";
import { type Texts, textsFor } from "../texts/texts.ts";
import type { Log, PlatformAdapter, RenderedPage } from "../platform/platform-adapter.ts";
import { renderGrowing } from "../delivery/page-plan.ts";
import type { LiveReply } from "../delivery/live-reply.ts";
import type { Answer } from "./answer.ts";
import { questionPage } from "./approval-question.ts";
import { finalPages } from "./final-pages.ts";
import { WHOLE_NAME } from "./plan-final.ts";
import { authorsOf, type TurnInput } from "./turn.ts";
import type { RunLog } from "./event-log.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/**
 * Leaves a run until people have decided these calls, and asks them; all of it in one transaction. What was said so
 * far is shown above the questions. `surely` repeats until the database has answered.
 */
export async function pauseForPeople(
  room: RunRoom,
  claimed: ClaimedRun,
  calls: readonly AskedCall[],
  parts: {
    turn: readonly TurnInput[];
    log: RunLog;
    answer: Answer;
    live: LiveReply | null;
    surely: <T>(work: () => Promise<T>) => Promise<T>;
  },
): Promise<"waits" | "stopped" | "lost"> {
  const { session, agent, target } = claimed;
  const adapter = target ? room.delivery.adapter(target.account) : undefined;
  const { approvers, minutes } = toolSettings(room.agents.settings(), agent, target);
  const platform = target?.account.split(":")[0] ?? "";
  const authors = authorsOf([...parts.turn.map(({ message }) => message), ...parts.answer.messages]);
  const mayDecide = [...new Set([...authors.map((id) => `${platform}:${id}`), ...approvers])];
  const questions = calls.map((call): Question => {
    return { ...call, id: newId("apr"), approvers: mayDecide, pageId: adapter ? newId("out") : null };
  });
  const expiresAt = new Date(Date.now() + minutes * 60_000).toISOString();
  const asked = questions.map(({ id, callId, tool, args, again }): RunEvent => {
    return { type: "approval.requested", approval: id, expiresAt, callId, tool, args, again };
  });
  if (!(await parts.surely(() => parts.log.flush()))) return "lost";
  const events = parts.log.closing(asked);
  const texts = textsFor(claimed.language);
  const said = adapter ? pagesOf(parts.answer.text, adapter, texts, room.log) : [];
  const pages = finalPages(said, parts.live?.pages ?? [], [], claimed.attempt > 1 && !claimed.asked);
  const shown = { target: parts.live?.target ?? target, pages };
  const outcome = await parts.surely(() =>
    withTransaction(room.db, async (trx) => {
      const paused = await pauseRun(trx, claimed, questions, minutes, events, shown);
      if (paused !== "waits" || !target || !adapter) return paused;
      for (const question of questions) {
        const content = questionPage(adapter, { ...question, agent }, minutes, texts);
        await insertReply(trx, { id: question.pageId!, session, target, content });
      }
      return paused;
    }),
  );
  if (outcome !== "waits" && outcome !== "before") return outcome;
  room.hints.news(session);
  room.hints.outbox();
  return "waits";
}

/** Whoever decides has read this. A text that cannot be rendered must not keep its run from asking. */
function pagesOf(said: string, adapter: PlatformAdapter, texts: Texts, log: Log): RenderedPage[] {
  if (said === "") return [];
  try {
    return renderGrowing(adapter, texts.restInFile(WHOLE_NAME))(said);
  } catch (error) {
    log.error({ err: error }, "what was said before a question could not be rendered");
    return [];
  }
}

/** What was decided while earlier attempts of a run waited. */
export async function decisionsFor(db: Db, { session, id, attempt }: ClaimedRun): Promise<Clone["decisions"]> {
  return attempt === 1 ? new Map() : decisionsOf(db, session, id);
}
