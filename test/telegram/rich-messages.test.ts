import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PlatformAdapter, RenderedPage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { endTelegram, keepLog, type KeptLog, telegramAt } from "./start-telegram.ts";

const TABLE = "| Name | Paid |\n|---|---|\n| Ann | **4** |";
const AS_RICH = "| Name | Paid |\n| Ann | 4 |";
const AS_TEXT = "Name | Paid\n-----+-----\nAnn  | 4";
const REFUSED = {
  kind: "status",
  status: 400,
  description: "Bad Request: can't parse InputRichBlock: Can't find field \"cells\"",
} as const;

let telegram: FakeTelegram;
let adapter: PlatformAdapter;
let log: KeptLog;

async function open(options: { rich: "off" | "auto"; server?: boolean }): Promise<void> {
  telegram = await startFakeTelegram({ limits: "off", strict: true, rich: options.server ?? true });
  log = keepLog();
  adapter = telegramAt(telegram, { log, rich: options.rich });
  telegram.privateChat(telegram.user(7, "Ann"));
  await adapter.connect(new AbortController().signal);
}

beforeEach(() => open({ rich: "auto" }));
afterEach(() => endTelegram({ telegram, adapter, intake: new AbortController(), running: null }));

/** In place of what `beforeEach` has opened. */
async function instead(options: { rich: "off" | "auto"; server?: boolean }): Promise<void> {
  await endTelegram({ telegram, adapter, intake: new AbortController(), running: null });
  await open(options);
}

function ann(replyTo: string | null = null): ReplyTarget {
  return { account: adapter.account, chat: "7", thread: "", replyTo };
}

function page(markdown: string): RenderedPage {
  return adapter.render(markdown)[0]!;
}

function shown(): string[] {
  return telegram.botMessages(7).map((message) => message.text);
}

/** The calls that were made since, as "method → outcome". */
function calls(): string[] {
  return telegram.journal
    .filter(({ chat }) => chat === 7)
    .map(({ method, outcome, payload }) => {
      const isRich = method === "sendRichMessage" || payload["rich_message"] !== undefined;
      return `${method}${isRich && method !== "sendRichMessage" ? " rich" : ""} ${outcome}`;
    });
}

function warnings(): string[] {
  return log.lines.filter((it) => it.level === "warn" && /rich/.test(it.message)).map((it) => it.message);
}

describe("a page with a table", () => {
  test("goes as a rich message, in which nothing becomes live by itself, and stays one through edits", async () => {
    const at = await adapter.send(ann(), page(TABLE));
    expect(shown()).toEqual([AS_RICH]);
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    expect(shown()).toEqual([`${AS_RICH}\n| Bob | 5 |`]);
    const [sent, edited] = telegram.journal.filter((it) => it.chat === 7).map((it) => it.payload);
    expect(sent).toEqual({
      chat_id: 7,
      rich_message: { blocks: [expect.objectContaining({ type: "table" })], skip_entity_detection: true },
    });
    expect(Object.keys(edited!).toSorted()).toEqual(["chat_id", "message_id", "rich_message"]);
  });

  test("becomes one while it grows, and text again", async () => {
    const at = await adapter.send(ann(), page("Look:"));
    for (const markdown of [`Look:\n\n${TABLE}`, "Never mind."]) await adapter.editing!.edit(at, page(markdown));
    expect(telegram.transcript(7)).toEqual([
      "bot#1: Look:",
      `bot#1~ Look:\n    \n    ${AS_RICH.replaceAll("\n", "\n    ")}`,
      "bot#1~ Never mind.",
    ]);
  });

  test("keeps its button and what it answers, which may be gone", async () => {
    const stoppable = adapter.buttons!.withStop(page(TABLE), "stop:1", "Stop");
    const at = await adapter.send(ann("999"), stoppable);
    expect(telegram.botMessages(7)[0]?.keyboard?.inline_keyboard[0]?.[0]?.text).toBe("Stop");
    await adapter.editing!.edit(at, page(TABLE));
    expect(telegram.botMessages(7)[0]?.keyboard).toBeNull();
    expect(shown()).toEqual([AS_RICH]);
  });

  test("is text where nobody asked for more, also if another replica made it", async () => {
    const made = page(TABLE);
    await instead({ rich: "off" });
    await adapter.send(ann(), page(TABLE));
    await adapter.send(ann(), made);
    expect(shown()).toEqual([AS_TEXT, AS_TEXT]);
    expect(calls()).toEqual(["sendMessage ok", "sendMessage ok"]);
  });
});

describe("a server that knows no rich messages", () => {
  test("is asked once, and gets the same page as text at once", async () => {
    await instead({ rich: "auto", server: false });
    const at = await adapter.send(ann(), page(TABLE));
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    await adapter.send(ann(), page(TABLE));
    expect(shown()).toEqual([`${AS_TEXT}\nBob  | 5`, AS_TEXT]);
    expect(calls()).toEqual(["sendRichMessage 404", "sendMessage ok", "editMessageText ok", "sendMessage ok"]);
    expect(warnings()).toEqual(["this server of the Bot API knows no rich messages: text is sent until a restart"]);
  });

  test("is known by an edit as well, which it takes for one without text", async () => {
    await instead({ rich: "auto", server: false });
    const at = await adapter.send(ann(), page("Look:"));
    await adapter.editing!.edit(at, page(TABLE));
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    expect(shown()).toEqual([`${AS_TEXT}\nBob  | 5`]);
    expect(calls()).toEqual(["sendMessage ok", "editMessageText rich 400", "editMessageText ok", "editMessageText ok"]);
  });

  test.each([
    [404, "Not Found"],
    [400, "Bad Request: rich message must be non-empty"],
    [400, "Bad Request: rich messages are not supported"],
    [400, "Bad Request: RICH_MESSAGE unsupported"],
  ])("says so in other words: %i %s", async (status, description) => {
    telegram.fault({ kind: "status", status, description, method: "sendRichMessage" });
    await adapter.send(ann(), page(TABLE));
    await adapter.send(ann(), page(TABLE));
    expect(calls()).toEqual([`sendRichMessage ${status}`, "sendMessage ok", "sendMessage ok"]);
  });
});

describe("a page that is refused for what is in it", () => {
  test("goes as text, and stays so, while others are rich messages", async () => {
    telegram.fault({ ...REFUSED, method: "sendRichMessage" });
    const at = await adapter.send(ann(), page(TABLE));
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    await adapter.send(ann(), page(TABLE));
    expect(shown()).toEqual([`${AS_TEXT}\nBob  | 5`, AS_RICH]);
    expect(calls()).toEqual(["sendRichMessage 400", "sendMessage ok", "editMessageText ok", "sendRichMessage ok"]);
    expect(warnings()).toEqual(["a rich message was refused, and goes as text"]);
  });

  test("is edited as text at once, too", async () => {
    const at = await adapter.send(ann(), page(TABLE));
    telegram.fault({ ...REFUSED, method: "editMessageText" });
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    await adapter.editing!.edit(at, page(`${TABLE}\n| Bob | 5 |`));
    expect(shown()).toEqual([`${AS_TEXT}\nBob  | 5`]);
    expect(calls().slice(1)).toEqual(["editMessageText rich 400", "editMessageText ok", "editMessageText 400"]);
  });
});

test("a message that is such a page's text already costs no two calls with each edit", async () => {
  const { text, rich } = page(TABLE);
  const at = await adapter.send(ann(), { text, rich: { entities: (rich as { entities: unknown }).entities } });
  telegram.fault({ ...REFUSED, method: "editMessageText" });
  await adapter.editing!.edit(at, page(TABLE));
  await adapter.editing!.edit(at, page(TABLE));
  expect(calls()).toEqual(["sendMessage ok", "editMessageText rich 400", "editMessageText 400", "editMessageText 400"]);
});

describe("a refusal of anything else is none of the rich message", () => {
  test.each([
    [
      { kind: "429", retryAfter: 3 },
      { code: "rate_limited", delivered: "no" },
    ],
    [{ kind: "reset-after-applying" }, { code: "unavailable", delivered: "unknown" }],
    [{ kind: "html-502" }, { code: "unavailable", delivered: "unknown" }],
    [
      { kind: "status", status: 403, description: "Forbidden: bot was blocked by the user" },
      { code: "forbidden", delivered: "no" },
    ],
    [
      { kind: "status", status: 400, description: "Bad Request: chat not found" },
      { code: "not_found", delivered: "no" },
    ],
  ] as const)("%o", async (fault, error) => {
    telegram.fault({ ...fault, method: "sendRichMessage" });
    await expect(adapter.send(ann(), page(TABLE))).rejects.toMatchObject(error);
    expect(telegram.calls("sendMessage")).toEqual([]);
    expect(shown().length).toBe(fault.kind === "reset-after-applying" ? 1 : 0);
    expect(warnings()).toEqual([]);
  });

  test("an answered message that only Telegram's servers know to be gone", async () => {
    const description = "Bad Request: message to be replied not found";
    telegram.fault({ kind: "status", status: 400, description, method: "sendRichMessage" });
    await adapter.send(ann("5"), page(TABLE));
    expect(shown()).toEqual([AS_RICH]);
    expect(calls()).toEqual(["sendRichMessage 400", "sendRichMessage ok"]);
  });
});
