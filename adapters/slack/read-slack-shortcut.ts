import type { ContextPart, IncomingUpdate, Sender } from "../../src/platform/incoming-update.ts";
import { filesIn } from "./read-slack-files.ts";
import { quotable, type SlackBot } from "./slack-content.ts";
import { CHANNEL_ID, MESSAGE_TS, readResponseUrl, tsToMs, USER_ID } from "./slack-ids.ts";
import { asObject, type Json, nameIn, objectIn, rawTextIn, shapedIn } from "./slack-json.ts";
import { type Envelope, need, placeOf, Unusable } from "./slack-origin.ts";

/** The shortcut in a message's menu that asks us about that message. */
export const ASK_SHORTCUT = "parley_ask";

/** What is needed to find out more before the shortcut is read. */
export interface Asked {
  channel: string;
  /** Of the thread the message stands in, or would begin. */
  root: string;
  /** Who wrote the message; null = a program, or nobody says. */
  author: string | null;
}

/** Null = the payload is no such shortcut, or one that cannot be read. */
export function askedIn(json: unknown): Asked | null {
  const payload = asObject(json) ?? {};
  if (!isAsk(payload)) return null;
  const message = objectIn(payload, "message") ?? {};
  const channel = shapedIn(objectIn(payload, "channel") ?? {}, "id", CHANNEL_ID);
  const root = rootOf(message);
  return channel === null || root === null ? null : { channel, root, author: shapedIn(message, "user", USER_ID) };
}

export function isAsk(payload: Json): boolean {
  return payload["type"] === "message_action" && payload["callback_id"] === ASK_SHORTCUT;
}

/** The presser asks, in the message's thread; its words are somebody's, and come as a quote. */
export function readAsk(payload: Json, envelope: Envelope, bot: SlackBot, sender: Sender): IncomingUpdate {
  const channel = need(shapedIn(objectIn(payload, "channel") ?? {}, "id", CHANNEL_ID), "channel");
  const message = need(objectIn(payload, "message"), "message");
  const at = need(shapedIn(payload, "action_ts", MESSAGE_TS), "action_ts");
  const [text, files] = [quotable(message, bot), filesIn(message)];
  if (text === "" && files.length === 0) throw new Unusable("ignored", "no text");
  const quote: ContextPart = { type: "context", kind: "quote", author: authorName(message, bot), text };
  return {
    ...envelope,
    kind: "message",
    place: placeOf(bot, sender, channel, need(rootOf(message), "message")),
    sender,
    // Its own, not the message's: what becomes of that is no change of the question.
    messageId: at,
    text: "",
    addressed: true,
    writtenAt: tsToMs(at),
    ...(text === "" ? {} : { context: [quote] }),
    ...(files.length === 0 ? {} : { files }),
  };
}

/** The question as one that cannot be answered where it was asked. */
export function askElsewhere(update: IncomingUpdate, json: unknown, bot: SlackBot): IncomingUpdate {
  if (update.kind !== "message") return update;
  const { account, key, place, sender } = update;
  const answerAt = readResponseUrl(asObject(json)?.["response_url"], bot.hookOrigins);
  if (answerAt === null) return { account, key, kind: "ignored", why: "asked where the bot is not" };
  return { account, key, kind: "elsewhere", place, sender, messageId: answerAt };
}

function rootOf(message: Json): string | null {
  return shapedIn(message, "thread_ts", MESSAGE_TS) ?? shapedIn(message, "ts", MESSAGE_TS);
}

function authorName(message: Json, bot: SlackBot): string {
  const user = rawTextIn(message, "user") ?? "";
  if (user === bot.userId) return bot.name;
  const profiles = [objectIn(message, "user_profile") ?? {}, objectIn(message, "bot_profile") ?? {}];
  const named = profiles.flatMap((profile) => [nameIn(profile, "display_name"), nameIn(profile, "name")]);
  return [bot.person?.(user)?.name, ...named, nameIn(message, "username")].find(Boolean) ?? "";
}
