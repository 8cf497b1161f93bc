import type { IncomingPlace, IncomingUpdate, Sender } from "../../src/platform/incoming-update.ts";
import { isReason, readReason } from "./read-slack-reason.ts";
import { isAsk, readAsk } from "./read-slack-shortcut.ts";
import { slashCommandIn, type SlackBot } from "./slack-content.ts";
import {
  CHANNEL_ID,
  MESSAGE_TS,
  readResponseUrl,
  TEAM_ID,
  TRIGGER_ID,
  triggerKey,
  USER_ID,
  VIEW_ID,
  viewKey,
} from "./slack-ids.ts";
import { asObject, type Json, listIn, nameIn, objectIn, rawTextIn, shapedIn } from "./slack-json.ts";
import { harmless, need, placeOf, reading, senderOf, Unusable } from "./slack-origin.ts";

/** The button that stops an answer, and those that choose; all others are not ours, or older than this program. */
export const STOP_ACTION = "parley_stop";
/** A number follows: "action_id … must be unique within a block" (docs.slack.dev, Button). */
export const CHOICE_ACTION = "parley_choice_";
/** The thumbs under an answer. */
export const VOTE_ACTION = "parley_vote";
const ACTION = new RegExp(`^(?:${STOP_ACTION}|${VOTE_ACTION}|${CHOICE_ACTION}\\d)$`);
export const BUTTON_VALUE = /^[ -~]{1,64}$/;
/** What Slack calls channels that have no name of their own. */
const NAMELESS = new Set(["directmessage", "privategroup"]);

/** A press of a button or a shortcut in a message's menu, from the JSON in `payload`, in our words. Takes any JSON and never throws. */
export function readSlackInteraction(json: unknown, bot: SlackBot): IncomingUpdate {
  const payload = asObject(json) ?? {};
  return reading(bot, keyOf(payload), (envelope) => {
    if (!isForUs(payload, bot)) throw new Unusable("ignored", "another app");
    if (isAsk(payload)) return readAsk(payload, envelope, bot, readPresser(payload, bot));
    if (isReason(payload)) return readReason(payload, envelope, bot, readPresser(payload, bot));
    if (payload["type"] !== "block_actions") throw new Unusable("ignored", harmless(rawTextIn(payload, "type")));
    const sender = readPresser(payload, bot);
    const { place, messageId } = readPressed(payload, bot, sender);
    const action = asObject(listIn(payload, "actions")[0]) ?? {};
    const value = shapedIn(action, "value", BUTTON_VALUE);
    const answerAt = readResponseUrl(payload["response_url"], bot.hookOrigins);
    const id = shapedIn(action, "action_id", ACTION);
    if (id === null || value === null) return { ...envelope, place, sender, kind: "other", what: "block_actions" };
    // A form can be opened by the trigger of the press.
    const formAt = id === VOTE_ACTION ? shapedIn(payload, "trigger_id", TRIGGER_ID) : null;
    const at = { ...(answerAt === null ? {} : { answerAt }), ...(formAt === null ? {} : { formAt }) };
    return { ...envelope, place, sender, kind: "press", messageId, value, ...at };
  });
}

/**
 * A slash command, from the fields of its form. It says not when it was written: `receivedAt` is ms since the epoch. Its
 * answer goes to the address it brings, which stands for the message that there is none of.
 */
export function readSlackCommand(json: unknown, bot: SlackBot, receivedAt: number): IncomingUpdate {
  const form = asObject(json) ?? {};
  return reading(bot, keyOf(form), (envelope) => {
    if (!isForUs(form, bot)) throw new Unusable("ignored", "another app");
    const channel = need(shapedIn(form, "channel_id", CHANNEL_ID), "channel_id");
    const user = need(shapedIn(form, "user_id", USER_ID), "user_id");
    // People of other organisations cannot call it (docs.slack.dev, "Using Slack Connect").
    const isOfOrg = bot.enterpriseId !== null && form["enterprise_id"] === bot.enterpriseId;
    const team = isOfOrg ? bot.enterpriseId : shapedIn(form, "team_id", TEAM_ID);
    const sender = senderOf(bot, { user, team, shared: true, name: nameIn(form, "user_name") });
    const place = placeOf(bot, sender, channel, "");
    const name = nameIn(form, "channel_name");
    const title = place.kind === "private" || NAMELESS.has(name) ? place.title : name;
    const messageId = readResponseUrl(form["response_url"], bot.hookOrigins) ?? "";
    const command = slashCommandIn(rawTextIn(form, "text") ?? "", bot);
    return {
      ...envelope,
      place: { ...place, title },
      sender,
      kind: "command",
      messageId,
      ...command,
      writtenAt: receivedAt,
      ofChat: true,
    };
  });
}

function keyOf(source: Json): string | null {
  const view = source["type"] === "view_submission" ? shapedIn(objectIn(source, "view") ?? {}, "id", VIEW_ID) : null;
  if (view !== null) return viewKey(view);
  const trigger = shapedIn(source, "trigger_id", TRIGGER_ID);
  return trigger === null ? null : triggerKey(trigger);
}

function isForUs(source: Json, bot: SlackBot): boolean {
  const app = rawTextIn(source, "api_app_id");
  return app === null || bot.appId === "" || app === bot.appId;
}

function readPressed(payload: Json, bot: SlackBot, sender: Sender): { place: IncomingPlace; messageId: string } {
  const container = objectIn(payload, "container") ?? {};
  const message = objectIn(payload, "message") ?? {};
  const channel =
    shapedIn(container, "channel_id", CHANNEL_ID) ?? shapedIn(objectIn(payload, "channel") ?? {}, "id", CHANNEL_ID);
  if (channel === null) throw new Unusable("ignored", "block_actions outside of a channel");
  const messageId = need(
    shapedIn(container, "message_ts", MESSAGE_TS) ?? shapedIn(message, "ts", MESSAGE_TS),
    "message",
  );
  const thread = shapedIn(container, "thread_ts", MESSAGE_TS) ?? shapedIn(message, "thread_ts", MESSAGE_TS);
  return { place: placeOf(bot, sender, channel, thread ?? messageId), messageId };
}

/** Whoever pressed it, which says nothing about who may. */
function readPresser(payload: Json, bot: SlackBot): Sender {
  const user = need(objectIn(payload, "user"), "user");
  const name = nameIn(user, "name") || nameIn(user, "username");
  const id = need(shapedIn(user, "id", USER_ID), "user id");
  return senderOf(bot, { user: id, team: shapedIn(user, "team_id", TEAM_ID), shared: true, name });
}
