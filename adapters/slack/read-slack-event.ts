import type { IncomingPlace, IncomingUpdate, Sender } from "../../src/platform/incoming-update.ts";
import { STOP_HERE } from "../../src/platform/stop-button.ts";
import { filesIn } from "./read-slack-files.ts";
import { bareCommandIn, beginsWithUs, mentionsUs, sharedIn, type SlackBot, textFor } from "./slack-content.ts";
import { CHANNEL_ID, EVENT_ID, eventKey, MESSAGE_TS, messageKey, slackUser, tsToMs, USER_ID } from "./slack-ids.ts";
import { asObject, has, isTrueIn, type Json, listIn, objectIn, rawTextIn, shapedIn } from "./slack-json.ts";
import { authorIn, type Envelope, harmless, isDm, need, placeOf, reading, senderOf, Unusable } from "./slack-origin.ts";

/** A text this long was probably cut, at 4000 characters or the white space before them, and the rest follows. */
const LONG_TEXT = 3900;
/** The kinds of messages that people write; all others are Slack's own, or of other programs. */
export const WRITTEN = new Set([null, "file_share", "thread_broadcast", "me_message"]);
/** Commands that ask of a talk what is already there. */
const ABOUT_A_TALK = new Set([
  "stop",
  "status",
  "sessions",
  "agent",
  "model",
  "mode",
  "title",
  "compact",
  "memory",
  "forget",
]);
/** Slack itself, which writes without a `bot_id`. */
const SLACK_USERS = new Set(["USLACKBOT", "USLACK"]);

/** What became of a message that was told of before. */
const CHANGES = new Map<string | null, (delivered: Delivered, envelope: Envelope) => IncomingUpdate>([
  ["message_changed", readEdit],
  ["message_deleted", readDeletion],
]);

/** An event with what came around it. */
interface Delivered {
  bot: SlackBot;
  body: Json;
  event: Json;
}

/** One body of the Events API in our words. Takes any JSON and never throws. */
export function readSlackEvent(json: unknown, bot: SlackBot): IncomingUpdate {
  const body = asObject(json) ?? {};
  const event = objectIn(body, "event") ?? {};
  return reading(bot, keyOf(body, event), (envelope) => {
    if (!isForUs(body, bot)) throw new Unusable("ignored", "another installation");
    return readKind({ bot, body, event }, envelope);
  });
}

/** A message and the mention in it are two events. Edits and deletions have the channel's and their own `ts`. */
function keyOf(body: Json, event: Json): string | null {
  const type = rawTextIn(event, "type");
  const subtype = rawTextIn(event, "subtype");
  const channel = shapedIn(event, "channel", CHANNEL_ID);
  const ts = shapedIn(event, "ts", MESSAGE_TS);
  const isMessage = (type === "message" && WRITTEN.has(subtype)) || type === "app_mention";
  if (isMessage && channel !== null && ts !== null) return messageKey(channel, ts);
  const id = shapedIn(body, "event_id", EVENT_ID);
  return id === null ? null : eventKey(id);
}

/** An app may be installed at several places, and a Slack Connect channel belong to two of them. */
function isForUs(body: Json, bot: SlackBot): boolean {
  const app = rawTextIn(body, "api_app_id");
  if (app !== null && bot.appId !== "" && app !== bot.appId) return false;
  const installed = asObject(listIn(body, "authorizations")[0]);
  if (!installed) return true;
  return [rawTextIn(installed, "team_id"), rawTextIn(installed, "enterprise_id")].includes(bot.install);
}

function readKind(delivered: Delivered, envelope: Envelope): IncomingUpdate {
  const { event, body } = delivered;
  const type = rawTextIn(event, "type") ?? rawTextIn(body, "type") ?? "nothing";
  switch (type) {
    case "message":
      return (CHANGES.get(rawTextIn(event, "subtype")) ?? readMessage)(delivered, envelope);
    case "app_mention":
      return readMessage(delivered, envelope);
    case "agent_session_stopped":
      return readStop(delivered, envelope);
    case "channel_id_changed":
      return readMove(delivered, envelope);
    case "channel_left":
    case "group_left":
      return readMembership(delivered, envelope, false);
    case "member_left_channel":
    case "member_joined_channel":
      if (event["user"] !== delivered.bot.userId) throw new Unusable("ignored", type);
      return readMembership(delivered, envelope, type === "member_joined_channel");
    case "reaction_added":
    case "reaction_removed":
      return readReaction(delivered, envelope, type);
    default:
      throw new Unusable("ignored", harmless(type));
  }
}

function readMessage(delivered: Delivered, envelope: Envelope): IncomingUpdate {
  const { bot, event } = delivered;
  const subtype = rawTextIn(event, "subtype");
  if (!WRITTEN.has(subtype)) throw new Unusable("ignored", harmless(subtype));
  if (isTrueIn(event, "hidden")) throw new Unusable("ignored", "hidden");
  const { place, sender, messageId, text } = readAuthored(delivered, event);
  const [context, files] = [sharedIn(event, bot), filesIn(event)];
  if (text === "" && context.length + files.length === 0) throw new Unusable("ignored", "no text");
  const from = { ...envelope, place, sender, messageId, writtenAt: tsToMs(messageId) };
  const command = place.kind === "private" || beginsWithUs(event, bot) ? bareCommandIn(event, bot) : null;
  if (command) {
    // Where it would begin a thread of its own, there is nothing yet that it could be about.
    const ofChat = place.thread === messageId && ABOUT_A_TALK.has(command.command);
    return { ...from, kind: "command", ...command, ...(ofChat ? { ofChat } : {}) };
  }
  const burst = text.length >= LONG_TEXT ? ({ burst: "long" } as const) : {};
  return {
    ...from,
    kind: "message",
    text,
    addressed: isAddressed(delivered, place),
    ...burst,
    ...(context.length > 0 ? { context } : {}),
    ...(files.length > 0 ? { files } : {}),
  };
}

function isAddressed({ bot, event }: Delivered, place: IncomingPlace): boolean | "where_known" {
  if (isHeard(bot, place) || event["type"] === "app_mention" || mentionsUs(event, bot)) return true;
  return isReply(event) ? "where_known" : false;
}

/** Where everything is said to us. */
function isHeard(bot: SlackBot, { kind, chat, thread }: IncomingPlace): boolean {
  return kind === "private" || bot.hears?.(chat, thread) === true;
}

function isReply(message: Json): boolean {
  return has(message, "thread_ts") && message["thread_ts"] !== message["ts"];
}

/** Slack tells of every change: of previews, of reactions to our own edits, of a thread's first message as it grows. */
function readEdit(delivered: Delivered, envelope: Envelope): IncomingUpdate {
  const { bot, event } = delivered;
  const message = need(objectIn(event, "message"), "message");
  const before = objectIn(event, "previous_message") ?? {};
  const edited = objectIn(message, "edited");
  const subtype = rawTextIn(message, "subtype");
  if (subtype === "tombstone") return readDeletion(delivered, envelope);
  if (!WRITTEN.has(subtype)) throw new Unusable("ignored", "message_changed");
  if (!edited || rawTextIn(before, "text") === rawTextIn(message, "text")) {
    throw new Unusable("ignored", "no change of the text");
  }
  if (rawTextIn(edited, "user") !== rawTextIn(message, "user")) throw new Unusable("ignored", "edited by another");
  const { place, sender, messageId, text } = readAuthored(delivered, message);
  const wasForUs = isHeard(bot, place) || isReply(message) || mentionsUs(message, bot) || mentionsUs(before, bot);
  if (!wasForUs) throw new Unusable("ignored", "edit of what was not for us");
  if (text === "" && filesIn(message).length === 0) throw new Unusable("ignored", "no text");
  const addressed = isHeard(bot, place) || mentionsUs(message, bot);
  return { ...envelope, place, sender, messageId, kind: "edited", text, addressed };
}

/** A thread's first message that is taken back stays as a tombstone, which comes as a change. */
function readDeletion(delivered: Delivered, envelope: Envelope): IncomingUpdate {
  const { bot, event } = delivered;
  const before = objectIn(event, "previous_message");
  if (!before || !WRITTEN.has(rawTextIn(before, "subtype"))) throw new Unusable("ignored", "message_deleted");
  const { place, sender, messageId } = readAuthored(delivered, before);
  if (!isHeard(bot, place) && !isReply(before) && !mentionsUs(before, bot)) {
    throw new Unusable("ignored", "deletion of what was not for us");
  }
  return { ...envelope, place, sender, messageId, kind: "deleted" };
}

interface Authored {
  place: IncomingPlace;
  sender: Sender;
  messageId: string;
  text: string;
}

function readAuthored({ bot, body, event }: Delivered, message: Json): Authored {
  if (isByProgram(message, body, bot)) throw new Unusable("ignored", "bot");
  const channel = need(shapedIn(event, "channel", CHANNEL_ID), "channel");
  const ts = need(shapedIn(message, "ts", MESSAGE_TS), "ts");
  const root = has(message, "thread_ts") ? need(shapedIn(message, "thread_ts", MESSAGE_TS), "thread_ts") : ts;
  const author = authorIn(message, body, need(shapedIn(message, "user", USER_ID), "user"));
  const text = textFor(message, bot);
  const sender = senderOf(bot, author);
  return { place: placeOf(bot, sender, channel, root, isPrivate(event, channel)), sender, messageId: ts, text };
}

function isPrivate(event: Json, channel: string): boolean {
  const type = rawTextIn(event, "channel_type");
  return type === null ? isDm(channel) : type === "im" || type === "app_home";
}

/** Ours or another's: programs that answer each other never end. */
export function isByProgram(message: Json, body: Json, bot: SlackBot): boolean {
  const user = rawTextIn(message, "user") ?? "";
  const app = rawTextIn(message, "app_id");
  const isOurApp = app !== null && (app === bot.appId || app === rawTextIn(body, "api_app_id"));
  return (
    has(message, "bot_id") || has(message, "bot_profile") || isOurApp || user === bot.userId || SLACK_USERS.has(user)
  );
}

/** The button that Slack itself shows beside a running answer. */
function readStop({ bot, body, event }: Delivered, envelope: Envelope): IncomingUpdate {
  const channel = need(shapedIn(event, "channel", CHANNEL_ID), "channel");
  const thread = need(shapedIn(event, "thread_ts", MESSAGE_TS), "thread_ts");
  const sender = senderOf(bot, authorIn(event, body, need(shapedIn(event, "user", USER_ID), "user")));
  const place = placeOf(bot, sender, channel, thread);
  return {
    ...envelope,
    place,
    sender,
    messageId: thread,
    kind: "press",
    value: STOP_HERE,
  };
}

function readMove({ event }: Delivered, envelope: Envelope): IncomingUpdate {
  const chat = need(shapedIn(event, "old_channel_id", CHANNEL_ID), "old_channel_id");
  const newChat = need(shapedIn(event, "new_channel_id", CHANNEL_ID), "new_channel_id");
  return { ...envelope, kind: "place_moved", chat, newChat, sameMessages: true };
}

/** The bot was put into a channel, or out of it; Slack does not always say by whom. */
function readMembership({ bot, event }: Delivered, envelope: Envelope, member: boolean): IncomingUpdate {
  const channel = need(shapedIn(event, "channel", CHANNEL_ID), "channel");
  const actor = shapedIn(event, "actor_id", USER_ID) ?? shapedIn(event, "inviter", USER_ID) ?? bot.userId;
  const sender = { id: slackUser(bot.install, actor), name: "" };
  return { ...envelope, place: placeOf(bot, sender, channel, ""), sender, kind: "membership", member };
}

function readReaction({ bot, body, event }: Delivered, envelope: Envelope, what: string): IncomingUpdate {
  const item = objectIn(event, "item") ?? {};
  if (item["type"] !== "message") throw new Unusable("ignored", what);
  const user = need(shapedIn(event, "user", USER_ID), "user");
  if (user === bot.userId) throw new Unusable("ignored", "bot");
  const channel = need(shapedIn(item, "channel", CHANNEL_ID), "channel");
  const sender = senderOf(bot, authorIn(event, body, user));
  return { ...envelope, place: placeOf(bot, sender, channel, ""), sender, kind: "other", what };
}
