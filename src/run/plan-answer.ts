import { feedbackAt } from "../agent/agent-settings.ts";
import type { FinalRunEvent } from "../agent/run-event.ts";
import type { PagePlan } from "../delivery/page-plan.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { hashVoteToken, newVoteToken, thumbsOf } from "../platform/vote-button.ts";
import { textsFor } from "../texts/texts.ts";
import type { Answer } from "./answer.ts";
import type { ClaimedRun } from "./claimed-run.ts";
import { type EndedRun, planFinal } from "./plan-final.ts";
import type { RunRoom } from "./run-room.ts";

/**
 * How a run's end is shown. An answer that people may vote on has a hash that their
 * presses find the run by.
 */
export function planAnswer(
  room: Pick<RunRoom, "delivery" | "agents">,
  run: ClaimedRun,
  answer: Answer,
  { isAnswer, ...ended }: Pick<EndedRun, "end" | "live" | "log"> & { isAnswer: boolean },
): Omit<PagePlan, "pages"> & { pages: readonly RenderedPage[]; voteHash: string | null } {
  const adapter = run.target ? room.delivery.adapter(run.target.account) : undefined;
  const plan = planFinal(answer, adapter, { ...ended, run: run.id, texts: textsFor(run.language) });
  return { ...plan, voteHash: null, ...(isAnswer ? thumbsUnder(room, run, ended.end, plan.pages) : {}) };
}

/**
 * The pages of an answer with thumbs under the last one, and the hash that a press finds the run by; null = without. Only
 * under whole answers, and where people see their own vote alone unless the operator wants it elsewhere too: buttons that
 * all share cannot show whose vote they show.
 */
function thumbsUnder(
  { delivery, agents }: Pick<RunRoom, "delivery" | "agents">,
  { target, agent, language }: ClaimedRun,
  end: FinalRunEvent,
  pages: readonly RenderedPage[],
): { pages: readonly RenderedPage[]; voteHash: string | null } {
  const last = pages.at(-1);
  const feedback = target ? delivery.adapter(target.account)?.feedback : undefined;
  if (!target || !feedback || !last || end.type !== "run.completed") return { pages, voteHash: null };
  const byDefault = feedback.personal || target.placeKind === "private";
  if (!feedbackAt(agents.settings(), agent, target, byDefault)) return { pages, voteHash: null };
  const token = newVoteToken();
  const texts = textsFor(language);
  const thumbs = thumbsOf(token, { up: texts.goodAnswer, down: texts.badAnswer }, null);
  return { pages: [...pages.slice(0, -1), feedback.withThumbs(last, thumbs)], voteHash: hashVoteToken(token) };
}
