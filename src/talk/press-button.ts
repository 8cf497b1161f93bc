import type { SessionId, UserId } from "../ids.ts";
import { readDecisionValue } from "../platform/decision-button.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Log, PlatformAdapter, PressedButton, ReasonForm } from "../platform/platform-adapter.ts";
import { readVoteValue } from "../platform/vote-button.ts";
import { readStopValue, STOP_HERE } from "../platform/stop-button.ts";
import { questionAt } from "../store/approvals.ts";
import type { Trx } from "../store/schema.ts";
import { stopOwn } from "../store/talk-sessions.ts";
import type { Texts } from "../texts/texts.ts";
import { platformOf } from "./arriving.ts";
import { castVote } from "./cast-vote.ts";
import { decideQuestion } from "./decide-question.ts";

export interface Pressed {
  /** The sessions it has changed; none = it has no effect. */
  touched: SessionId[];
  /** What its presser alone is told; left out: the platform need not say anything. */
  tell?: string;
  /** Opened for its presser instead. */
  form?: ReasonForm;
  /** The vote that it was. */
  voted?: Record<"platform" | "agent" | "rating", string>;
}

export interface PressScene {
  /** Of the presser; null = nobody we know. */
  userId: UserId | null;
  adapter: PlatformAdapter | undefined;
  texts: Texts;
}

/**
 * Does what a button says, for those who may: a button brings no right with it. A stop button ends the answer it stands
 * under, or those at its place, for those who asked for it; one of a question decides it. No effect: what it is about is
 * over, stands elsewhere, is somebody else's, or the value is none of ours.
 */
export async function pressButton(trx: Trx, press: PressedButton, scene: PressScene): Promise<Pressed> {
  const { account, place, sender, value } = press;
  const chosen = readDecisionValue(value);
  if (chosen) return decideByPress(trx, press, chosen, scene);
  const vote = readVoteValue(value);
  if (vote) return castVote(trx, press, vote, scene);
  const run = readStopValue(value);
  if (!run && value !== STOP_HERE) return { touched: [] };
  const at = { account, chat: place.chat, thread: place.thread, ...(run ? { run } : {}) };
  return { touched: await stopOwn(trx, at, { senderId: sender.id, userId: scene.userId }) };
}

/** Lets its presser see what a press has done, once that is stored. Nothing waits for it. */
export function answerPress(
  press: PressedButton,
  { tell, form, voted }: Partial<Pressed>,
  { adapter, metrics, log }: { adapter: PlatformAdapter | undefined; metrics: Pick<Metrics, "feedback">; log: Log },
): void {
  if (voted) metrics.feedback.inc(voted);
  const told = form
    ? adapter?.feedback?.openForm?.(press, form)
    : tell === undefined
      ? undefined
      : adapter?.buttons?.tell(press, tell);
  told?.catch((error: unknown) => log.info({ err: error }, "the presser of a button was not told"));
}

/** What somebody is told who is not let in, and has pressed a button of a question. */
export function turnedAway({ value }: PressedButton, texts: Texts): Pick<Pressed, "tell"> {
  if (readVoteValue(value)) return { tell: "" };
  return readDecisionValue(value) ? { tell: texts.notYoursToDecide } : {};
}

/** In private whose chat it is decides; in a group those who asked; everywhere those whom the operator has named. */
async function decideByPress(
  trx: Trx,
  press: PressedButton,
  { approval, decision }: NonNullable<ReturnType<typeof readDecisionValue>>,
  { userId, adapter, texts }: PressScene,
): Promise<Pressed> {
  const { account, place, sender } = press;
  const question = await questionAt(trx, { account, chat: place.chat, thread: place.thread }, approval);
  if (!question) return { touched: [], tell: texts.decidedAlready };
  const by = `${platformOf(press)}:${sender.id}`;
  const isOwner = question.owner !== null && question.owner === userId;
  if (!isOwner && !question.approvers.includes(by)) return { touched: [], tell: texts.notYoursToDecide };
  const { messageId } = press;
  const decided = await decideQuestion(trx, question, decision, { id: by, name: sender.name, messageId, adapter });
  return decided ? { touched: [question.session], tell: "" } : { touched: [], tell: texts.decidedAlready };
}
