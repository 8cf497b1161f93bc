import type { RefusalRow } from "./refusal-row.ts";

const BLOCKS = "tdlib/td, WebPageBlock.cpp get_web_page_blocks";
/** Probed at Telegram's own server. */
const EMPTY = "librefang/librefang#8393 and #8396";
const LIMITS = "Bot API, Rich Message Limits; the words are the fake's";
const HARMLESS = "fake: this product sends nothing of the kind";
const REQUIRED = "Bad Request: RICH_MESSAGE_CONTENT_REQUIRED";
const NON_EMPTY = "Bad Request: rich message must be non-empty";
const QUIET = { skip_entity_detection: true };
const WORD = { type: "paragraph", text: "x" };

function message(rule: string, source: string, rich_message: unknown, description: string): RefusalRow {
  return { rule, source, method: "sendRichMessage", payload: { chat_id: 1, rich_message }, code: 400, description };
}

function block(rule: string, source: string, made: unknown, description: string): RefusalRow {
  return message(rule, source, { blocks: [made], ...QUIET }, description);
}

function table(rule: string, source: string, cells: unknown, description: string): RefusalRow {
  return block(rule, source, { type: "table", cells }, description);
}

function nested(levels: number): unknown {
  return levels === 0 ? WORD : { type: "blockquote", blocks: [nested(levels - 1)] };
}

const cell = { text: "x", align: "left", valign: "top" };

export const RICH_REFUSALS: readonly RefusalRow[] = [
  message("no rich message", "tdlib/td, RichMessage.cpp get_rich_message", undefined, NON_EMPTY),
  message("one without blocks", "greeves89/AI-Employee#241", { blocks: [], ...QUIET }, NON_EMPTY),
  message(
    "HTML, Markdown and media",
    HARMLESS,
    { html: "<b>x</b>", ...QUIET },
    "Bad Request: this fake takes blocks only, not html, markdown or media",
  ),
  message(
    "a message in which Telegram would make names and addresses live",
    HARMLESS,
    { blocks: [WORD] },
    "Bad Request: this fake wants skip_entity_detection",
  ),
  block("a block that is no object", BLOCKS, "x", "Bad Request: can't parse InputRichBlock: expected an Object"),
  block(
    "media, buttons and whatever else is live",
    HARMLESS,
    { type: "photo", photo: { type: "photo", media: "https://e.example/a.png" } },
    "Bad Request: this fake knows no such block: photo",
  ),
  block(
    "a heading without a size",
    "adolfousier/opencrabs#651",
    { type: "heading", text: "x" },
    `Bad Request: can't parse InputRichBlock: Can't find field "size"`,
  ),
  block(
    "a heading of the seventh kind",
    BLOCKS,
    { type: "heading", text: "x", size: 7 },
    "Bad Request: invalid section heading size specified",
  ),
  block("an empty paragraph that is no item's", "openclaw/openclaw, rich-blocks.ts", { ...WORD, text: "" }, REQUIRED),
  block("an empty heading", EMPTY, { type: "heading", text: "", size: 1 }, REQUIRED),
  block("empty code", EMPTY, { type: "pre", text: "" }, REQUIRED),
  block("a quote of nothing", EMPTY, { type: "blockquote", blocks: [] }, REQUIRED),
  block("an item of nothing", EMPTY, { type: "list", items: [{ blocks: [] }] }, REQUIRED),
  block("a list of nothing", BLOCKS, { type: "list", items: [] }, "Bad Request: list must be non-empty"),
  block("an item that is no object", BLOCKS, { type: "list", items: [1] }, "Bad Request: list item must be non-empty"),
  block(
    "a list that is ordered in part",
    BLOCKS,
    { type: "list", items: [{ blocks: [WORD], type: "1", value: 1 }, { blocks: [WORD] }] },
    "Bad Request: list must be either ordered or unordered",
  ),
  table(
    "a table without cells",
    "adolfousier/opencrabs#651",
    undefined,
    `Bad Request: can't parse InputRichBlock: Can't find field "cells"`,
  ),
  table("a cell that is no object", BLOCKS, [[1]], "Bad Request: table cell must be non-empty"),
  table(
    "a cell without alignment",
    "Bot API RichBlockTableCell",
    [[{ text: "x" }]],
    `Bad Request: can't parse InputRichBlock: Can't find field "align"`,
  ),
  table("a table of nothing", "fake: as for all that is empty", [[{ align: "left" }]], REQUIRED),
  table(
    "a type of text that is none",
    "rubenlagus/TelegramBots#1599",
    [[{ ...cell, text: { type: "plain", text: "x" } }]],
    "Bad Request: can't parse InputRichBlock: Unsupported rich text type",
  ),
  block(
    "a block without text",
    "Bot API InputRichBlockParagraph",
    { type: "paragraph" },
    `Bad Request: can't parse InputRichBlock: Can't find field "text"`,
  ),
  block(
    "half a surrogate pair",
    "tdlib/td, WebPageBlock.cpp get_rich_text",
    { type: "paragraph", text: "a\ud83d" },
    "Bad Request: rich text must be encoded in UTF-8",
  ),
  block(
    "a link that messages do not take either",
    "fake: Telegram does not check it here",
    { type: "paragraph", text: { type: "url", text: "x", url: "javascript:alert(1)" } },
    "Bad Request: entity URL 'javascript:alert(1)' is invalid: Wrong port number specified in the URL",
  ),
  block("32,769 characters", LIMITS, { type: "pre", text: "x".repeat(32_769) }, "Bad Request: RICH_MESSAGE_TOO_LONG"),
  message(
    "501 blocks",
    LIMITS,
    { blocks: Array.from({ length: 501 }, () => WORD), ...QUIET },
    "Bad Request: RICH_MESSAGE_BLOCKS_TOO_MUCH",
  ),
  block(
    "500 rows, as each is a block like the table itself",
    LIMITS,
    { type: "table", cells: Array.from({ length: 500 }, () => [cell]) },
    "Bad Request: RICH_MESSAGE_BLOCKS_TOO_MUCH",
  ),
  block("17 levels", LIMITS, nested(16), "Bad Request: RICH_MESSAGE_TOO_DEEP"),
  table("21 columns", LIMITS, [Array.from({ length: 21 }, () => cell)], "Bad Request: RICH_MESSAGE_TABLE_TOO_WIDE"),
];
