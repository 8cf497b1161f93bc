import type { MessageEntity } from "grammy/types";
import { areTooLarge, fixEntities, limitEntities } from "./entity-rules.ts";
import { checkLink } from "./check-link.ts";
import { isObject, jsonOf, textOf, type Payload } from "./payload.ts";
import { badRequest } from "./refusal.ts";

/** "1-4096 characters after entities parsing" (Bot API, sendMessage); UTF-16 units, as everything in entities is. */
const TEXT_LIMIT = 4096;
/** Client.cpp, get_formatted_text: bytes before any parsing. */
const RAW_TEXT_BYTES = 1 << 15;
/** Client.cpp, get_text_entity_type: known types that a bot cannot set; Telegram finds them by itself. */
const AUTOMATIC = ["mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"];
const PLAIN = [
  "bold",
  "italic",
  "underline",
  "strikethrough",
  "spoiler",
  "code",
  "blockquote",
  "expandable_blockquote",
];

export interface FormattedText {
  text: string;
  entities: MessageEntity[];
  /** What Telegram silently leaves out, with the reason. */
  dropped: string[];
}

/**
 * The `text`, `entities` and `parse_mode` of a call as Telegram would show them: cleaned, trimmed, overlaps resolved.
 * Order of the checks: tdlib/telegram-bot-api Client.cpp (get_input_message_text), then tdlib MessageEntity.cpp
 * (fix_formatted_text).
 * @param tooLong what the method says about more than 4096 units
 */
export function readFormattedText(payload: Payload, tooLong: string): FormattedText {
  const raw = textOf(payload, "text");
  if (raw === "") {
    throw badRequest("message text is empty");
  }
  if (Buffer.byteLength(raw) > RAW_TEXT_BYTES) {
    throw badRequest("text is too long");
  }
  if (!["", "none"].includes(textOf(payload, "parse_mode").toLowerCase())) {
    throw badRequest("this fake takes entities only, not parse_mode");
  }
  const dropped: string[] = [];
  const given = readEntities(payload, dropped);
  // Telegram turns NUL into a space; here it is refused, as nothing should ever send one.
  if (!raw.isWellFormed() || raw.includes("\0")) {
    throw badRequest("strings must be encoded in UTF-8");
  }
  for (const { offset, length } of given) {
    checkMagnitude("offset", offset);
    checkMagnitude("length", length);
  }
  const fixed = fixEntities(given.filter((entity) => entity.length > 0));
  dropped.push(...fixed.dropped);
  checkRanges(raw, fixed.entities);
  const { text, entities } = trim(...clean(raw, fixed.entities));
  if (text === "") {
    throw badRequest("message must be non-empty");
  }
  if (text.length > TEXT_LIMIT) {
    throw badRequest(tooLong);
  }
  // Once more, as what vanished may have brought entities together.
  const shown = limitEntities(fixEntities(entities).entities, dropped);
  if (areTooLarge(shown)) {
    throw badRequest("ENTITIES_TOO_LONG");
  }
  return { text, entities: shown, dropped };
}

function readEntities(payload: Payload, dropped: string[]): MessageEntity[] {
  const value = jsonOf(payload, "entities", "entities");
  if (!Array.isArray(value)) {
    if (value !== undefined) {
      dropped.push("all: entities is no array");
    }
    return [];
  }
  return value.flatMap((entity) => {
    const read = readEntity(entity);
    if (read === undefined) {
      dropped.push(`${(entity as { type: string }).type}: a bot cannot set this type`);
      return [];
    }
    return [read];
  });
}

function unparsable(why: string): Error {
  return badRequest(`can't parse MessageEntity: ${why}`);
}

/** @returns undefined for a type that only Telegram itself sets */
function readEntity(value: unknown): MessageEntity | undefined {
  if (!isObject(value)) {
    throw unparsable("expected an Object");
  }
  const base = { offset: wholeField(value, "offset"), length: wholeField(value, "length") };
  const type = textField(value, "type");
  if (PLAIN.includes(type)) {
    return { ...base, type } as MessageEntity;
  }
  switch (type) {
    case "pre": {
      const language = value["language"] === undefined ? "" : textField(value, "language");
      return language === "" ? { ...base, type } : { ...base, type, language };
    }
    case "text_link":
      return { ...base, type, url: checkLink(textField(value, "url")) };
    case "text_mention":
      if (!isObject(value["user"])) {
        throw unparsable(`Can't find field "user"`);
      }
      return { ...base, type, user: value["user"] } as unknown as MessageEntity;
    case "custom_emoji":
      return { ...base, type, custom_emoji_id: textField(value, "custom_emoji_id") };
    default:
      if (AUTOMATIC.includes(type)) {
        return undefined;
      }
      throw unparsable("Unsupported type specified");
  }
}

function wholeField(value: Record<string, unknown>, field: string): number {
  const number = value[field];
  if (number === undefined) {
    throw unparsable(`Can't find field "${field}"`);
  }
  if (typeof number !== "number" || !Number.isInteger(number)) {
    throw unparsable(`Field "${field}" must be of type Number`);
  }
  return number;
}

function textField(value: Record<string, unknown>, field: string): string {
  const text = value[field];
  if (text === undefined) {
    throw unparsable(`Can't find field "${field}"`);
  }
  if (typeof text !== "string") {
    throw unparsable(`Field "${field}" must be of type String`);
  }
  return text;
}

function checkMagnitude(field: string, value: number): void {
  if (value < 0 || value > 1_000_000) {
    throw badRequest(`receive an entity with incorrect ${field} ${value}`);
  }
}

function checkRanges(text: string, entities: readonly MessageEntity[]): void {
  for (const { offset, length } of entities) {
    const end = offset + length;
    if (offset >= text.length) {
      throw badRequest(`entity begins after the end of the text at UTF-16 offset ${offset}`);
    }
    if (splitsPair(text, offset)) {
      throw badRequest(`entity begins in a middle of a UTF-16 symbol at byte offset ${bytesBefore(text, offset + 1)}`);
    }
    if (end > text.length) {
      throw badRequest(
        `entity beginning at UTF-16 offset ${offset} ends after the end of the text at UTF-16 offset ${end}`,
      );
    }
    if (splitsPair(text, end)) {
      const at = bytesBefore(text, end + 1);
      throw badRequest(
        `entity beginning at UTF-16 offset ${offset} ends in a middle of a UTF-16 symbol at byte offset ${at}`,
      );
    }
  }
}

function splitsPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function bytesBefore(text: string, at: number): number {
  return Buffer.byteLength(text.slice(0, at));
}

/** Control characters become spaces; carriage returns, direction marks and "vertical lines" vanish. */
const CONTROL = /[\u0001-\u0009\u000b\u000c\u000e-\u001f]/g;
const VANISHING = /\r|[\u2028-\u202e]|\u0333|\u033f|\u030a/g;

function clean(raw: string, entities: readonly MessageEntity[]): [string, MessageEntity[]] {
  const text = raw.replaceAll(CONTROL, " ");
  const kept = text.replaceAll(VANISHING, "");
  if (kept === text) {
    return [text, [...entities]];
  }
  const moved = (offset: number): number => text.slice(0, offset).replaceAll(VANISHING, "").length;
  const shifted = entities.map((entity) => {
    const offset = moved(entity.offset);
    return { ...entity, offset, length: moved(entity.offset + entity.length) - offset };
  });
  return [kept, shifted.filter((entity) => entity.length > 0)];
}

const TRAILING = /[ \n]+$/;
const INK = /[^ \n]/;

/** Spaces and line breaks at both ends go; formatting does not begin with them and never covers nothing else. */
function trim(text: string, entities: readonly MessageEntity[]): { text: string; entities: MessageEntity[] } {
  const end = text.replace(TRAILING, "").length;
  const inked = entities.flatMap((entity, index) => withInk(entity, entities.slice(index + 1), text.slice(0, end)));
  const ink = INK.exec(text)?.index ?? 0;
  const first = Math.min(ink, end, ...inked.map((entity) => entity.offset));
  return {
    text: text.slice(first, end),
    entities: inked.map((entity) => ({ ...entity, offset: entity.offset - first })),
  };
}

/** @param later the entities that come after this one; a link among them stays where it begins, and so does its cover */
function withInk(entity: MessageEntity, later: readonly MessageEntity[], text: string): MessageEntity[] {
  const end = Math.min(entity.offset + entity.length, text.length);
  let { offset } = entity;
  if (!holdsData(entity)) {
    if (!INK.test(text.slice(offset, end))) {
      return [];
    }
    while (!INK.test(text[offset] ?? "x") && !later.some((other) => holdsData(other) && other.offset === offset)) {
      offset++;
    }
  }
  return end > offset ? [{ ...entity, offset, length: end - offset }] : [];
}

/** Such entities mean something even over blanks (tdlib: is_hidden_data_entity). */
function holdsData({ type }: MessageEntity): boolean {
  return type === "text_link" || type === "text_mention" || type === "custom_emoji";
}
