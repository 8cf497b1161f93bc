import type { Payload } from "./payload.ts";
import { SERVER, TDLIB, type RefusalRow } from "./refusal-row.ts";

const SMILE = "😀";

/** What every row about text shares. */
function text(rule: string, source: string, fields: Payload, description: string): RefusalRow {
  return { rule, source, method: "sendMessage", payload: { chat_id: 1, ...fields }, code: 400, description };
}

function entity(rule: string, source: string, entities: unknown[], description: string): RefusalRow {
  return text(rule, source, { text: `a ${SMILE} text`, entities }, description);
}

function button(rule: string, source: string, key: unknown, description: string): RefusalRow {
  return text(rule, source, { text: "x", reply_markup: { inline_keyboard: [[key]] } }, description);
}

const TEXTS: RefusalRow[] = [
  text("an empty text", `${SERVER} get_input_message_text`, { text: "" }, "Bad Request: message text is empty"),
  text("no text at all", `${SERVER} get_input_message_text`, {}, "Bad Request: message text is empty"),
  text("only blanks", `${TDLIB} fix_formatted_text`, { text: " \n\t " }, "Bad Request: message must be non-empty"),
  text(
    "4097 characters",
    "Bot API sendMessage; tdlib/telegram-bot-api#353",
    { text: "x".repeat(4097) },
    "Bad Request: message is too long",
  ),
  text(
    "4097 units that are fewer characters",
    "Bot API: entities and lengths are UTF-16 units",
    { text: SMILE.repeat(2048) + "x" },
    "Bad Request: message is too long",
  ),
  text("32 KiB", `${SERVER} get_formatted_text`, { text: "x".repeat(32_769) }, "Bad Request: text is too long"),
  text(
    "half a surrogate pair",
    `${TDLIB} fix_formatted_text`,
    { text: "a\ud83d" },
    "Bad Request: strings must be encoded in UTF-8",
  ),
  text(
    "NUL",
    "fake: Telegram shows a space; nobody should send one",
    { text: "a\0b" },
    "Bad Request: strings must be encoded in UTF-8",
  ),
  text(
    "parse_mode",
    "fake: this product sends entities",
    { text: "*x*", parse_mode: "MarkdownV2" },
    "Bad Request: this fake takes entities only, not parse_mode",
  ),
  {
    rule: "an edit of 4097 characters",
    source: "kfstorm/carnivore#3 (the words differ from sendMessage's)",
    method: "editMessageText",
    payload: ({ mine }) => ({ chat_id: 1, message_id: mine, text: "x".repeat(4097) }),
    code: 400,
    description: "Bad Request: MESSAGE_TOO_LONG",
  },
];

const ENTITIES: RefusalRow[] = [
  entity(
    "an entity that is no object",
    `${SERVER} get_text_entity`,
    ["bold"],
    "Bad Request: can't parse MessageEntity: expected an Object",
  ),
  entity(
    "an entity without offset",
    `${SERVER} get_text_entity`,
    [{ type: "bold", length: 1 }],
    "Bad Request: can't parse MessageEntity: Can't find field \"offset\"",
  ),
  entity(
    "an offset that is no whole number",
    `${SERVER} get_text_entity`,
    [{ type: "bold", offset: 0.5, length: 1 }],
    'Bad Request: can\'t parse MessageEntity: Field "offset" must be of type Number',
  ),
  entity(
    "an entity without type",
    `${SERVER} get_text_entity_type`,
    [{ offset: 0, length: 1 }],
    "Bad Request: can't parse MessageEntity: Can't find field \"type\"",
  ),
  entity(
    "a type that is no text",
    `${SERVER} get_text_entity_type`,
    [{ type: 7, offset: 0, length: 1 }],
    'Bad Request: can\'t parse MessageEntity: Field "type" must be of type String',
  ),
  entity(
    "an unknown type",
    `${SERVER} get_text_entity_type`,
    [{ type: "heading", offset: 0, length: 1 }],
    "Bad Request: can't parse MessageEntity: Unsupported type specified",
  ),
  entity(
    "a mention without user",
    `${SERVER} get_text_entity_type`,
    [{ type: "text_mention", offset: 0, length: 1 }],
    "Bad Request: can't parse MessageEntity: Can't find field \"user\"",
  ),
  entity(
    "a negative offset",
    `${TDLIB} fix_formatted_text`,
    [{ type: "bold", offset: -1, length: 1 }],
    "Bad Request: receive an entity with incorrect offset -1",
  ),
  entity(
    "a negative length",
    `${TDLIB} fix_formatted_text`,
    [{ type: "bold", offset: 0, length: -1 }],
    "Bad Request: receive an entity with incorrect length -1",
  ),
  entity(
    "an entity that begins after the text",
    `${TDLIB} clean_input_string_with_entities`,
    [{ type: "bold", offset: 9, length: 1 }],
    "Bad Request: entity begins after the end of the text at UTF-16 offset 9",
  ),
  entity(
    "an entity that ends after the text",
    `${TDLIB} clean_input_string_with_entities`,
    [{ type: "bold", offset: 5, length: 5 }],
    "Bad Request: entity beginning at UTF-16 offset 5 ends after the end of the text at UTF-16 offset 10",
  ),
  entity(
    "an entity that begins inside a character",
    `${TDLIB} clean_input_string_with_entities`,
    [{ type: "bold", offset: 3, length: 2 }],
    "Bad Request: entity begins in a middle of a UTF-16 symbol at byte offset 6",
  ),
  entity(
    "an entity that ends inside a character",
    `${TDLIB} clean_input_string_with_entities`,
    [{ type: "bold", offset: 0, length: 3 }],
    "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 6",
  ),
  entity(
    "a link to a host without a dot",
    "tdlib/td, LinkManager.cpp check_link_impl",
    [{ type: "text_link", offset: 0, length: 1, url: "http://localhost:3000/x" }],
    "Bad Request: entity URL 'http://localhost:3000/x' is invalid: Wrong HTTP URL",
  ),
  entity(
    "a link with a foreign scheme",
    "tdlib/td, HttpUrl.cpp parse_url",
    [{ type: "text_link", offset: 0, length: 1, url: "ftp://example.org" }],
    "Bad Request: entity URL 'ftp://example.org' is invalid: Unsupported URL protocol",
  ),
  entity(
    "a link with an impossible port",
    "tdlib/td, HttpUrl.cpp parse_url",
    [{ type: "text_link", offset: 0, length: 1, url: "https://example.org:0/" }],
    "Bad Request: entity URL 'https://example.org:0/' is invalid: Wrong port number specified in the URL",
  ),
  entity(
    "a link to nowhere",
    "tdlib/td, HttpUrl.cpp parse_url",
    [{ type: "text_link", offset: 0, length: 1, url: "https://" }],
    "Bad Request: entity URL 'https://' is invalid: URL host is empty",
  ),
  entity(
    "a link into Telegram that names nothing",
    "tdlib/td, LinkManager.cpp check_link_impl",
    [{ type: "text_link", offset: 0, length: 1, url: "tg://?x" }],
    "Bad Request: entity URL 'tg://?x' is invalid: Wrong tg URL",
  ),
  entity(
    "a language of code that is no text",
    `${SERVER} get_text_entity_type`,
    [{ type: "pre", offset: 0, length: 1, language: 7 }],
    'Bad Request: can\'t parse MessageEntity: Field "language" must be of type String',
  ),
  text(
    "links whose addresses are too long in all",
    "tdlib/telegram-bot-api#165",
    {
      text: "x".repeat(60),
      entities: Array.from({ length: 60 }, (_, offset) => ({
        type: "text_link",
        offset,
        length: 1,
        url: `https://example.org/${"x".repeat(150)}`,
      })),
    },
    "Bad Request: ENTITIES_TOO_LONG",
  ),
  text(
    "entities that are no JSON",
    "fake: Telegram ignores them",
    { text: "x", entities: "[" },
    "Bad Request: can't parse entities JSON object",
  ),
];

const KEYBOARDS: RefusalRow[] = [
  text(
    "a keyboard that is no object",
    `${SERVER} get_reply_markup`,
    { text: "x", reply_markup: [] },
    "Bad Request: object expected as reply markup",
  ),
  text(
    "a keyboard that is no array of rows",
    `${SERVER} get_reply_markup`,
    { text: "x", reply_markup: { inline_keyboard: [{ text: "a" }] } },
    'Bad Request: field "inline_keyboard" must be an Array of Arrays',
  ),
  button(
    "a button that is no object",
    `${SERVER} get_inline_keyboard_button`,
    "Stop",
    "Bad Request: can't parse inline keyboard button: InlineKeyboardButton must be an Object",
  ),
  button(
    "a button without text",
    `${SERVER} get_inline_keyboard_button`,
    { callback_data: "x" },
    "Bad Request: can't parse inline keyboard button: Can't find field \"text\"",
  ),
  button(
    "a button that does nothing",
    `${SERVER} get_inline_keyboard_button_type`,
    { text: "Stop" },
    "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
  ),
  button(
    "65 bytes of callback data",
    "Bot API InlineKeyboardButton",
    { text: "a", callback_data: "ä".repeat(33) },
    "Bad Request: BUTTON_DATA_INVALID",
  ),
];

/** Texts, formatting and keyboards that are refused wherever they are sent. */
export const CONTENT_REFUSALS: readonly RefusalRow[] = [...TEXTS, ...ENTITIES, ...KEYBOARDS];
