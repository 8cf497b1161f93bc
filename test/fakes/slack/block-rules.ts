import { isObject } from "./args.ts";
import type { Json } from "./channels.ts";
import { Refusal } from "./refusal.ts";

/** docs.slack.dev/reference/block-kit: the limits the fake holds, in characters unless said otherwise. */
const MOST_BLOCKS = 50;
const MARKDOWN_SUM = 12_000;
/** Measured by others (slackapi/bolt-js#2509), not documented. */
const ALL_BLOCKS = 13_200;
const SECTION_TEXT = 3000;
const FIELD_TEXT = 2000;
const HEADER_TEXT = 150;
const BUTTON_TEXT = 75;
const BUTTON_VALUE = 2000;
const IDS = 255;
const MOST_ACTIONS = 25;
const TABLE_ROWS = 100;
const TABLE_COLUMNS = 20;
const MOST_CONTEXT = 10;
const MOST_CONTEXT_ACTIONS = 5;

const TYPES = new Set(["markdown", "section", "header", "divider", "context", "actions", "context_actions", "image"]);

/** Blocks as Slack accepts them; refuses others. null when none were given. */
export function checkedBlocks(given: unknown): Json[] | null {
  if (given === undefined) {
    return null;
  }
  if (!Array.isArray(given)) {
    throw new Refusal("invalid_blocks_format");
  }
  const blocks = given as unknown[];
  if (blocks.length > MOST_BLOCKS) {
    refuse(`no more than ${MOST_BLOCKS} items allowed`, "/blocks");
  }
  const ids = new Set<string>();
  const checked = blocks.map((block, index) => checkBlock(block, `/blocks/${index}`, ids));
  const markdown = checked.filter(({ type }) => type === "markdown");
  if (markdown.reduce((sum, { text }) => sum + String(text).length, 0) > MARKDOWN_SUM) {
    refuse(`must be less than ${MARKDOWN_SUM + 1} characters in all markdown blocks`, "/blocks");
  }
  if (JSON.stringify(checked).length > ALL_BLOCKS) {
    throw new Refusal("msg_blocks_too_long");
  }
  return checked;
}

function checkBlock(block: unknown, at: string, ids: Set<string>): Json {
  if (!isObject(block)) {
    return refuse("must be an object", at);
  }
  const type = String(block["type"]);
  if (!TYPES.has(type)) {
    refuse(`unsupported type: ${type}`, `${at}/type`);
  }
  checkId(block["block_id"], `${at}/block_id`);
  const id = block["block_id"];
  if (typeof id === "string") {
    if (ids.has(id)) {
      refuse("block_id is not unique", `${at}/block_id`);
    }
    ids.add(id);
  }
  switch (type) {
    case "markdown":
      checkText(block["text"], `${at}/text`, MARKDOWN_SUM);
      checkTables(String(block["text"]), `${at}/text`);
      break;
    case "section":
      checkSection(block, at);
      break;
    case "header":
      checkTextObject(block["text"], `${at}/text`, HEADER_TEXT, ["plain_text"]);
      break;
    case "context":
      checkList(block["elements"], `${at}/elements`, MOST_CONTEXT).forEach((element, index) => {
        if (!isObject(element) || element["type"] !== "image") {
          checkTextObject(element, `${at}/elements/${index}`, FIELD_TEXT);
        }
      });
      break;
    case "actions":
      checkList(block["elements"], `${at}/elements`, MOST_ACTIONS).forEach((element, index) =>
        checkElement(element, `${at}/elements/${index}`),
      );
      break;
    case "context_actions":
      checkList(block["elements"], `${at}/elements`, MOST_CONTEXT_ACTIONS).forEach((element, index) => {
        if (!isObject(element) || !["feedback_buttons", "icon_button"].includes(String(element["type"]))) {
          refuse("unsupported type", `${at}/elements/${index}/type`);
        }
      });
      break;
    case "image":
      checkText(block["alt_text"], `${at}/alt_text`, 2000);
      break;
    default:
      break;
  }
  return block;
}

/** Tables in Markdown, which are held to the limits of Slack's table block: what becomes of larger ones is not written down. */
function checkTables(markdown: string, at: string): void {
  const plain = markdown.replaceAll(/^(`{3,}|~{3,})[^]*?^\1/gm, "");
  for (const [table, head = ""] of plain.matchAll(/^(.*\|.*)\n[ >|:-]*\|[ >|:-]*(?:\n.*\|.*)*/gm)) {
    if (!/\n[ >|:-]*-[ >|:-]*(?:\n|$)/.test(table)) {
      continue;
    }
    if (table.split("\n").length - 1 > TABLE_ROWS) {
      refuse(`no more than ${TABLE_ROWS} rows allowed`, at);
    }
    if (head.replaceAll(/^[ >]*\||\|[ \t]*$/g, "").split(/(?<!\\)\|/).length > TABLE_COLUMNS) {
      refuse(`no more than ${TABLE_COLUMNS} columns allowed`, at);
    }
  }
}

function checkSection(block: Json, at: string): void {
  const { text, fields, accessory } = block;
  if (text === undefined && fields === undefined) {
    refuse("missing required field: text", at);
  }
  if (text !== undefined) {
    checkTextObject(text, `${at}/text`, SECTION_TEXT);
  }
  if (fields !== undefined) {
    checkList(fields, `${at}/fields`, 10).forEach((field, index) =>
      checkTextObject(field, `${at}/fields/${index}`, FIELD_TEXT),
    );
  }
  if (accessory !== undefined) {
    checkElement(accessory, `${at}/accessory`);
  }
}

function checkElement(element: unknown, at: string): void {
  if (!isObject(element)) {
    refuse("must be an object", at);
    return;
  }
  const { type, text, value, style, action_id: actionId } = element;
  checkId(actionId, `${at}/action_id`);
  if (type !== "button") {
    return;
  }
  checkTextObject(text, `${at}/text`, BUTTON_TEXT, ["plain_text"]);
  if (value !== undefined && (typeof value !== "string" || value.length > BUTTON_VALUE)) {
    refuse(`must be less than ${BUTTON_VALUE + 1} characters`, `${at}/value`);
  }
  if (style !== undefined && style !== "primary" && style !== "danger") {
    refuse("must be one of: primary, danger", `${at}/style`);
  }
}

function checkTextObject(value: unknown, at: string, most: number, types = ["plain_text", "mrkdwn"]): void {
  if (!isObject(value) || !types.includes(String(value["type"]))) {
    refuse(`must be a text object of type ${types.join(" or ")}`, at);
    return;
  }
  checkText(value["text"], `${at}/text`, most);
}

function checkText(value: unknown, at: string, most: number): void {
  if (typeof value !== "string" || value === "") {
    refuse("must be more than 0 characters", at);
  } else if (value.length > most) {
    refuse(`must be less than ${most + 1} characters`, at);
  }
}

function checkId(value: unknown, at: string): void {
  if (value !== undefined && (typeof value !== "string" || value === "" || value.length > IDS)) {
    refuse(`must be less than ${IDS + 1} characters`, at);
  }
}

function checkList(value: unknown, at: string, most: number): unknown[] {
  if (!Array.isArray(value) || value.length === 0) {
    return refuse("must have at least 1 item", at);
  }
  if (value.length > most) {
    refuse(`no more than ${most} items allowed`, at);
  }
  return value as unknown[];
}

function refuse(words: string, pointer: string): never {
  const message = `${words} [json-pointer:${pointer}]`;
  throw new Refusal("invalid_blocks", {
    errors: [message],
    response_metadata: { messages: [`[ERROR] ${message}`] },
  });
}
