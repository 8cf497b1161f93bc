import type { ContextPart } from "../../src/platform/incoming-update.ts";
import { labelOf, writtenIn } from "./telegram-content.ts";
import { cleanText, has, type Json, nameIn, objectIn, rawTextIn } from "./telegram-json.ts";

/** Of a message that is answered, as much as the answer may need. */
const MAX_ANSWERED_CHARS = 1000;

/** What a message answers: the part it quotes, else the whole of it, shortened; null = nothing that says anything. */
export function answeredIn(message: Json): ContextPart | null {
  const answered = objectIn(message, "reply_to_message");
  const elsewhere = objectIn(message, "external_reply");
  const author = answered ? authorOf(answered) : originName((elsewhere && objectIn(elsewhere, "origin")) ?? {});
  const quote = rawTextIn(objectIn(message, "quote") ?? {}, "text");
  if (quote !== null && shortened(quote) !== "") {
    return { type: "context", kind: "quote", author, text: shortened(quote) };
  }
  const source = answered ?? elsewhere;
  // Every message in a topic "answers" the one that made the topic.
  if (!source || has(source, "forum_topic_created")) return null;
  const text = shortened(writtenIn(source)?.text ?? "") || labelOf(source);
  return text === "" ? null : { type: "context", kind: "reply", author, text };
}

/** Whose words a message holds if not its sender's: it was forwarded, or a bot wrote it for its sender; null = its own. */
export function otherAuthor(message: Json): string | null {
  const origin = objectIn(message, "forward_origin");
  if (origin) return originName(origin);
  const bot = objectIn(message, "via_bot");
  return bot && personName(bot);
}

export function personName(person: Json): string {
  const name = [nameIn(person, "first_name"), nameIn(person, "last_name")].filter((it) => it !== "").join(" ");
  return name || nameIn(person, "username");
}

function authorOf(message: Json): string {
  const other = otherAuthor(message);
  if (other !== null) return other;
  const chat = objectIn(message, "sender_chat");
  return chat ? nameIn(chat, "title") : personName(objectIn(message, "from") ?? {});
}

/** A person, one who does not want to be found, a group or a channel (Bot API, MessageOrigin). */
function originName(origin: Json): string {
  const person = objectIn(origin, "sender_user");
  if (person) return personName(person);
  const chat = objectIn(origin, "sender_chat") ?? objectIn(origin, "chat");
  return chat ? nameIn(chat, "title") : nameIn(origin, "sender_user_name");
}

function shortened(text: string): string {
  const clean = cleanText(text).trim();
  return clean.length <= MAX_ANSWERED_CHARS ? clean : `${clean.slice(0, MAX_ANSWERED_CHARS - 1).toWellFormed()}…`;
}
