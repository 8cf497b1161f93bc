import { DOCS, KIT, type RefusalRow } from "./refusal-row.ts";

interface Row extends Pick<RefusalRow, "rule" | "error"> {
  args: Record<string, unknown>;
  words?: string;
}

function posts(source: string, rows: Row[]): RefusalRow[] {
  return rows.map((row) => ({
    ...row,
    method: "chat.postMessage",
    source,
    args: ({ channel }) => ({ channel: channel.id, ...row.args }),
  }));
}

function blocks(rule: string, all: unknown, words: string): Row {
  return { rule, args: { text: "x", blocks: all }, error: "invalid_blocks", words };
}

function tooLong(most: number, at: string): string {
  return `must be less than ${most + 1} characters [json-pointer:${at}]`;
}

const section = (more: object): object => ({ type: "section", text: { type: "mrkdwn", text: "x" }, ...more });
const button = (more: object): object => ({ type: "button", text: { type: "plain_text", text: "x" }, ...more });
const actions = (...elements: object[]): object[] => [{ type: "actions", elements }];
const markdown = (length: number): object => ({ type: "markdown", text: "x".repeat(length) });
const row = (columns: number, cell: string): string => `|${`${cell}|`.repeat(columns)}\n`;
const table = (columns: number, rows: number): object => ({
  type: "markdown",
  text: row(columns, "a") + row(columns, "-") + row(columns, "b").repeat(rows),
});
const FIRST = "/blocks/0";
const ELEMENT = `${FIRST}/elements/0`;

const WHOLE: Row[] = [
  { rule: "nothing at all", args: {}, error: "no_text" },
  { rule: "empty text and no blocks", args: { text: "", blocks: [] }, error: "no_text" },
  { rule: "markdown_text beside text", args: { text: "x", markdown_text: "y" }, error: "markdown_text_conflict" },
  {
    rule: "markdown_text beside blocks",
    args: { markdown_text: "y", blocks: [markdown(1)] },
    error: "markdown_text_conflict",
  },
  { rule: "markdown_text above 12000 characters", args: { markdown_text: "x".repeat(12_001) }, error: "msg_too_long" },
  { rule: "blocks that are no JSON", args: { blocks: "[{" }, error: "invalid_blocks_format" },
  { rule: "blocks that are no list", args: { blocks: { type: "divider" } }, error: "invalid_blocks_format" },
  { rule: "attachments that are no JSON", args: { attachments: "[{" }, error: "invalid_attachments" },
  { rule: "attachments that are no objects", args: { attachments: ["x"] }, error: "invalid_attachments" },
  {
    rule: "101 attachments",
    args: { attachments: Array.from({ length: 101 }, () => ({ text: "x" })) },
    error: "too_many_attachments",
  },
  { rule: "metadata that is no JSON", args: { text: "x", metadata: "{" }, error: "invalid_metadata_format" },
  {
    rule: "metadata without payload",
    args: { text: "x", metadata: { event_type: "a" } },
    error: "invalid_metadata_format",
  },
  {
    rule: "metadata above 8000 characters",
    args: { text: "x", metadata: { event_type: "a", event_payload: { x: "x".repeat(8000) } } },
    error: "metadata_too_large",
  },
];

const BLOCKS: Row[] = [
  blocks(
    "51 blocks",
    Array.from({ length: 51 }, () => ({ type: "divider" })),
    "no more than 50 items allowed [json-pointer:/blocks]",
  ),
  blocks("a block that is none", ["x"], `must be an object [json-pointer:${FIRST}]`),
  blocks("an unknown type", [{ type: "poem" }], `unsupported type: poem [json-pointer:${FIRST}/type]`),
  blocks("a block id twice", [section({ block_id: "a" }), section({ block_id: "a" })], "block_id is not unique"),
  blocks(
    "a block id above 255 characters",
    [section({ block_id: "x".repeat(256) })],
    tooLong(255, `${FIRST}/block_id`),
  ),
  blocks("one markdown block above 12000", [markdown(12_001)], tooLong(12_000, `${FIRST}/text`)),
  blocks(
    "markdown blocks above 12000 together",
    [markdown(6001), markdown(6000)],
    "must be less than 12001 characters in all markdown blocks",
  ),
  blocks("an empty markdown block", [markdown(0)], `must be more than 0 characters [json-pointer:${FIRST}/text]`),
  blocks("a section without text", [{ type: "section" }], `missing required field: text [json-pointer:${FIRST}]`),
  blocks(
    "a section text above 3000",
    [section({ text: { type: "mrkdwn", text: "x".repeat(3001) } })],
    tooLong(3000, `${FIRST}/text/text`),
  ),
  blocks(
    "a field above 2000",
    [section({ fields: [{ type: "mrkdwn", text: "x".repeat(2001) }] })],
    tooLong(2000, `${FIRST}/fields/0/text`),
  ),
  blocks(
    "a header that is no plain text",
    [{ type: "header", text: { type: "mrkdwn", text: "x" } }],
    "must be a text object of type plain_text",
  ),
  blocks(
    "a header above 150",
    [{ type: "header", text: { type: "plain_text", text: "x".repeat(151) } }],
    tooLong(150, `${FIRST}/text/text`),
  ),
  blocks("actions without any", actions(), `must have at least 1 item [json-pointer:${FIRST}/elements]`),
  blocks(
    "26 actions",
    actions(...Array.from({ length: 26 }, () => button({}))),
    `no more than 25 items allowed [json-pointer:${FIRST}/elements]`,
  ),
  blocks("an element that is none", [{ type: "actions", elements: ["x"] }], "must be an object"),
  blocks(
    "a button label above 75",
    actions(button({ text: { type: "plain_text", text: "x".repeat(76) } })),
    tooLong(75, `${ELEMENT}/text/text`),
  ),
  blocks("a button value above 2000", actions(button({ value: "x".repeat(2001) })), tooLong(2000, `${ELEMENT}/value`)),
  blocks(
    "an action id above 255",
    actions(button({ action_id: "x".repeat(256) })),
    tooLong(255, `${ELEMENT}/action_id`),
  ),
  blocks("a button style of one's own", actions(button({ style: "loud" })), "must be one of: primary, danger"),
  blocks(
    "an accessory's label above 75",
    [section({ accessory: button({ text: { type: "plain_text", text: "x".repeat(76) } }) })],
    tooLong(75, `${FIRST}/accessory/text/text`),
  ),
  blocks(
    "a context of eleven",
    [{ type: "context", elements: Array.from({ length: 11 }, () => ({ type: "mrkdwn", text: "x" })) }],
    `no more than 10 items allowed [json-pointer:${FIRST}/elements]`,
  ),
  blocks(
    "a button among context actions",
    [{ type: "context_actions", elements: [button({})] }],
    `unsupported type [json-pointer:${ELEMENT}/type]`,
  ),
  blocks("an image without words for it", [{ type: "image", image_url: "https://a.example" }], "must be more than 0"),
];

/** Per method: what a message may be made of. */
export const CONTENT_REFUSALS: readonly RefusalRow[] = [
  ...posts(`${DOCS}/chat.postMessage`, WHOLE),
  ...posts(KIT, BLOCKS),
  ...posts("fake: the limits of the table block; what becomes of larger tables in Markdown is not written down", [
    blocks(
      "a table of 101 rows in Markdown",
      [table(2, 100)],
      `no more than 100 rows allowed [json-pointer:${FIRST}/text]`,
    ),
    blocks(
      "a table of 21 columns in Markdown",
      [table(21, 1)],
      `no more than 20 columns allowed [json-pointer:${FIRST}/text]`,
    ),
  ]),
  ...posts("slackapi/bolt-js#2509: about 13 200 in all, measured", [
    {
      rule: "blocks above 13 200 characters of JSON",
      args: {
        text: "x",
        blocks: Array.from({ length: 5 }, () => section({ text: { type: "mrkdwn", text: "x".repeat(2900) } })),
      },
      error: "msg_blocks_too_long",
    },
  ]),
];
