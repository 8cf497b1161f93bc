import type { InputRichBlock, RichText } from "grammy/types";
import { checkLink } from "./check-link.ts";
import { isObject, jsonOf, type Payload } from "./payload.ts";
import { badRequest } from "./refusal.ts";
import { richText, shownText } from "./rich-text.ts";

/** Bot API, "Rich Message Limits". */
const MAX_CHARACTERS = 32_768;
const MAX_BLOCKS = 500;
const MAX_NESTING = 16;
const MAX_COLUMNS = 20;

interface RichContent {
  /** What is seen, as plain as it can be. */
  text: string;
  entities: [];
  rich: readonly InputRichBlock[];
}

interface Size {
  blocks: number;
  characters: number;
}

/**
 * The `rich_message` of a call. Rules: tdlib/td WebPageBlock.cpp (get_web_page_blocks), what people saw of the server
 * (refusals-of-rich.ts names them), and, as what is sent must be dead unless it is meant to live, some of the fake's own.
 */
export function readRichMessage(payload: Payload): RichContent {
  const message = jsonOf(payload, "rich_message", "rich message");
  if (!isObject(message)) {
    throw badRequest("rich message must be non-empty");
  }
  if (message["html"] !== undefined || message["markdown"] !== undefined || message["media"] !== undefined) {
    throw badRequest("this fake takes blocks only, not html, markdown or media");
  }
  if (message["skip_entity_detection"] !== true) {
    throw badRequest("this fake wants skip_entity_detection");
  }
  const { blocks } = message;
  if (!Array.isArray(blocks) || blocks.length === 0) {
    throw badRequest("rich message must be non-empty");
  }
  const size: Size = { blocks: 0, characters: 0 };
  for (const block of blocks) {
    checkBlock(block, size, 1);
  }
  if (size.blocks > MAX_BLOCKS) {
    throw badRequest("RICH_MESSAGE_BLOCKS_TOO_MUCH");
  }
  if (size.characters > MAX_CHARACTERS) {
    throw badRequest("RICH_MESSAGE_TOO_LONG");
  }
  const read = blocks as InputRichBlock[];
  return { text: shownText(read), entities: [], rich: read };
}

function checkBlock(block: unknown, size: Size, depth: number): void {
  if (!isObject(block)) {
    throw badRequest("can't parse InputRichBlock: expected an Object");
  }
  size.blocks += 1;
  checkDepth(depth);
  switch (block["type"]) {
    case "heading":
      if (typeof block["size"] !== "number") {
        throw badRequest(`can't parse InputRichBlock: Can't find field "size"`);
      }
      if (![1, 2, 3, 4, 5, 6].includes(block["size"])) {
        throw badRequest("invalid section heading size specified");
      }
      checkContent(block["text"], size, depth);
      return;
    case "paragraph":
    case "pre":
      checkContent(block["text"], size, depth);
      return;
    case "divider":
      return;
    case "blockquote":
      checkBlocks(block["blocks"], size, depth + 1);
      return;
    case "list":
      checkList(block["items"], size, depth + 1);
      return;
    case "table":
      checkTable(block["cells"], size, depth + 1);
      return;
    default:
      throw badRequest(`this fake knows no such block: ${String(block["type"])}`);
  }
}

function checkBlocks(blocks: unknown, size: Size, depth: number): void {
  if (!Array.isArray(blocks) || blocks.length === 0) {
    throw badRequest("RICH_MESSAGE_CONTENT_REQUIRED");
  }
  for (const block of blocks) {
    checkBlock(block, size, depth);
  }
}

function checkList(items: unknown, size: Size, depth: number): void {
  if (!Array.isArray(items) || items.length === 0) {
    throw badRequest("list must be non-empty");
  }
  for (const item of items) {
    if (!isObject(item)) {
      throw badRequest("list item must be non-empty");
    }
    if (isOrdered(item) !== isOrdered(items[0])) {
      throw badRequest("list must be either ordered or unordered");
    }
    size.blocks += 1;
    const [only, ...more] = Array.isArray(item["blocks"]) ? (item["blocks"] as unknown[]) : [];
    if (isObject(only) && only["type"] === "paragraph" && only["text"] === "" && more.length === 0) {
      size.blocks += 1;
      continue;
    }
    checkBlocks(item["blocks"], size, depth + 1);
  }
}

function isOrdered(item: unknown): boolean {
  return isObject(item) && item["type"] !== undefined;
}

function checkTable(rows: unknown, size: Size, depth: number): void {
  if (!Array.isArray(rows)) {
    throw badRequest(`can't parse InputRichBlock: Can't find field "cells"`);
  }
  let seen = false;
  for (const row of rows as unknown[]) {
    size.blocks += 1;
    if (!Array.isArray(row) || row.length > MAX_COLUMNS) {
      throw badRequest("RICH_MESSAGE_TABLE_TOO_WIDE");
    }
    for (const cell of row as unknown[]) {
      if (!isObject(cell)) {
        throw badRequest("table cell must be non-empty");
      }
      if (!["left", "center", "right"].includes(cell["align"] as string)) {
        throw badRequest(`can't parse InputRichBlock: Can't find field "align"`);
      }
      if (cell["text"] === undefined) {
        continue;
      }
      seen = true;
      checkContent(cell["text"], size, depth + 1);
    }
  }
  if (!seen) {
    throw badRequest("RICH_MESSAGE_CONTENT_REQUIRED");
  }
}

/** A text that may not be empty, as the only paragraph of a list's item may. */
function checkContent(text: unknown, size: Size, depth: number): void {
  const before = size.characters;
  checkText(text, size, depth);
  if (size.characters === before || richText(text as RichText).trim() === "") {
    throw badRequest("RICH_MESSAGE_CONTENT_REQUIRED");
  }
}

function checkText(text: unknown, size: Size, depth: number): void {
  checkDepth(depth);
  if (typeof text === "string") {
    if (!text.isWellFormed() || text.includes("\0")) {
      throw badRequest("rich text must be encoded in UTF-8");
    }
    size.characters += Array.from(text).length;
    return;
  }
  if (Array.isArray(text)) {
    for (const part of text) {
      checkText(part, size, depth);
    }
    return;
  }
  if (!isObject(text)) {
    throw badRequest(`can't parse InputRichBlock: Can't find field "text"`);
  }
  const { type } = text;
  if (type === "url") {
    checkLink(String(text["url"]));
  } else if (!["bold", "italic", "strikethrough", "code"].includes(String(type))) {
    throw badRequest("can't parse InputRichBlock: Unsupported rich text type");
  }
  checkText(text["text"], size, depth + 1);
}

function checkDepth(depth: number): void {
  if (depth > MAX_NESTING) {
    throw badRequest("RICH_MESSAGE_TOO_DEEP");
  }
}
