import { newId } from "../ids.ts";
import type { IncomingUpdate } from "../platform/incoming-update.ts";
import type { PressedButton } from "../platform/platform-adapter.ts";
import { hashVoteToken, readVoteValue, thumbsOf, type Vote } from "../platform/vote-button.ts";
import type { Rated } from "../store/feedback.ts";
import { findVoted } from "../store/find-rated.ts";
import { findIdentity, upsertIdentity } from "../store/identities.ts";
import { insertReply } from "../store/outbox.ts";
import type { FeedbackSource, Trx } from "../store/schema.ts";
import {
  askReason,
  findAsked,
  findVote,
  keepReason,
  lastPageOf,
  removeQuestion,
  showAnew,
  vote,
} from "../store/votes.ts";
import { platformOf, targetOf } from "./arriving.ts";
import type { Pressed, PressScene } from "./press-button.ts";

/** Of a reason. */
const MAX_REASON = 4_000;

/**
 * Takes somebody's vote for the answer under which they have pressed a thumb. In private it is the chat's person's, in a
 * group everybody has one of their own. The presser sees what became of it; why they did not like it they are asked once.
 */
export async function castVote(
  trx: Trx,
  press: PressedButton,
  { token, vote: wanted }: NonNullable<ReturnType<typeof readVoteValue>>,
  scene: PressScene,
): Promise<Pressed> {
  const { account, place, sender } = press;
  const feedback = scene.adapter?.feedback;
  const about = await findVoted(trx, hashVoteToken(token), { account, chat: place.chat });
  const platform = platformOf(press);
  if (!about?.sessionId || !feedback) return { touched: [], tell: "" };
  if (place.kind === "private" && about.userId !== scene.userId) return { touched: [], tell: "" };
  const { userId } = await upsertIdentity(trx, platform, sender.id, sender.name);
  const rating = wanted === "up" ? 1 : -1;
  const { id, asked } = await vote(trx, userId, about, { rating, source: platform as FeedbackSource });
  if (asked) await removeQuestion(trx, asked);
  if (!feedback.personal && place.kind === "private") await mark(trx, press, about, token, id ? wanted : null, scene);
  const pressed: Pressed = { touched: [about.sessionId] };
  const { texts } = scene;
  if (id === null) return { ...pressed, tell: texts.voteTakenBack };
  const voted = { platform, agent: about.agent ?? "", rating: wanted };
  if (wanted === "up") return { ...pressed, voted, tell: texts.votedUp };
  if (feedback.openForm && press.formAt !== undefined) {
    const { reasonTitle: title, reasonHint: label, reasonSend: send, reasonSkip: cancel } = texts;
    return { ...pressed, voted, form: { value: press.value, title, label, send, cancel } };
  }
  if (feedback.asQuestion && place.kind === "private") {
    const [question] = scene.adapter!.render(texts.askReason);
    const content = feedback.asQuestion(question!, texts.reasonHint);
    const page = newId("out");
    await insertReply(trx, { id: page, session: about.sessionId, target: targetOf(press), content });
    await askReason(trx, id, page);
  }
  return { ...pressed, voted, tell: texts.votedDown };
}

/** Where the buttons are one person's, the one that stands for their vote is marked; that lasts, as the answer does. */
async function mark(
  trx: Trx,
  press: PressedButton,
  about: Rated,
  token: string,
  chosen: Vote | null,
  { adapter, texts }: PressScene,
): Promise<void> {
  const page = await lastPageOf(trx, about);
  if (!page || !adapter?.feedback) return;
  const thumbs = thumbsOf(token, { up: texts.goodAnswer, down: texts.badAnswer }, chosen);
  await showAnew(trx, page.id, adapter.feedback.withThumbs(page.content, thumbs), press.messageId);
}

/** A form's words, as the reason of whoever sent it; false = they have no vote there any more. */
export async function takeReason(
  trx: Trx,
  { account, place, sender, value, text }: Extract<IncomingUpdate, { kind: "reason" }>,
): Promise<boolean> {
  const token = readVoteValue(value)?.token ?? "";
  const about = await findVoted(trx, hashVoteToken(token), { account, chat: place.chat });
  const person = await findIdentity(trx, account.slice(0, account.indexOf(":")), sender.id);
  const id = about && person && (await findVote(trx, person.userId, about));
  const reason = text.trim().slice(0, MAX_REASON);
  if (!id || reason === "") return false;
  await keepReason(trx, id, reason);
  return true;
}

/** The open question for a reason that a message answers; `keep` keeps it. Null = the message is for the agent. */
export async function answersQuestion(
  trx: Trx,
  update: Extract<IncomingUpdate, { kind: "message" }>,
): Promise<{ keep: () => Promise<void> } | null> {
  const { account, place, sender, answers, text } = update;
  const reason = text.trim().slice(0, MAX_REASON);
  if (answers === undefined || place.kind !== "private" || reason === "") return null;
  const person = await findIdentity(trx, platformOf(update), sender.id);
  const id = person && (await findAsked(trx, person.userId, { account, chat: place.chat, messageId: answers }));
  return id ? { keep: () => keepReason(trx, id, reason) } : null;
}
