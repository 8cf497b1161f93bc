import { afterEach, beforeEach, expect, it } from "vitest";
import { type Call, CallScheduler } from "../../src/delivery/call-scheduler.ts";
import { Delivery } from "../../src/delivery/delivery.ts";
import { LiveReply, type LiveReplyOptions } from "../../src/delivery/live-reply.ts";
import { newId } from "../../src/ids.ts";
import type { RenderedPage, Task } from "../../src/platform/platform-adapter.ts";
import { createLog } from "../../src/observe/log.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { createTestDatabase } from "../support/postgres.ts";

const log = createLog({ level: "silent", secrets: [] });
const platform = () => new FakePlatform();

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let store: ReturnType<typeof openPostgres>;
let live: LiveReply | null = null;

beforeEach(async () => {
  database = await createTestDatabase();
  store = openPostgres(database.url, log, 2);
});

afterEach(async () => {
  await live?.close();
  live = null;
  await store.close();
  await database.drop();
});

/** A reply to message 5 in the group "-7"; its posts are written down by `announce` only. */
function replyOn(
  adapter: FakePlatform,
  options: Partial<LiveReplyOptions> & {
    thread?: string;
    scheduler?: CallScheduler;
    announce?: () => boolean;
    text?: () => string;
  } = {},
): LiveReply {
  const { thread = "", scheduler = new CallScheduler(), announce = () => true, ...rest } = options;
  const { text = () => "More than enough text to be shown at once.", ...more } = rest;
  const delivery = new Delivery(store.db, new Map([[adapter.account, adapter]]), log, scheduler);
  Object.assign(delivery, { drafts: { announce: async () => announce(), posted: async () => undefined } });
  live = new LiveReply({
    delivery,
    adapter,
    target: { account: adapter.account, chat: "-7", thread, replyTo: "5", placeKind: "group" },
    run: { session: newId("ses"), id: newId("run"), attempt: 1 },
    firstPage: newId("out"),
    known: [],
    knownText: "",
    draft: () => ({ said: text(), progress: "", tasks: [], since: null, againInMs: null }),
    render: (markdown) => adapter.render(markdown),
    stopLabel: "Stop",
    mayBeNative: true,
    maySend: () => true,
    flushLog: async () => undefined,
    onGone: () => undefined,
    onFirstShown: () => undefined,
    ...more,
  });
  return live;
}

function start(reply: LiveReply): LiveReply {
  reply.changed();
  return reply;
}

it("spends none of the chat's calls on a post that an older one keeps waiting", async () => {
  const adapter = platform();
  const scheduler = new CallScheduler(() => 0);
  let refusals = 0;
  start(replyOn(adapter, { scheduler, announce: () => (refusals++, false) }));
  await expect.poll(() => refusals, { timeout: 5_000 }).toBeGreaterThan(3);
  const place = { account: adapter.account, chat: "-7", thread: "", placeKind: "group" as const };
  const final: Call = { purpose: "final", kind: "edit" };
  expect(scheduler.take(adapter.editing.budget, place, final)).toBe(0);
});

it("spends none of the chat's calls on an edit that the end of the answer overtakes", async () => {
  const { budget } = platform().editing;
  const chat = () => ({ refillMs: 3_600_000, burst: 2, reserve: 0, draftEveryMs: 0 });
  const adapter = new FakePlatform({ budget: { ...budget, chat } });
  const scheduler = new CallScheduler();
  let text = "More than enough text to be shown at once.";
  const flushing = Promise.withResolvers<void>();
  const flushLog = async () => {
    flushing.resolve();
    await new Promise(() => undefined);
  };
  const reply = start(replyOn(adapter, { scheduler, flushLog, text: () => text }));
  await expect.poll(() => adapter.messages("-7").length).toBe(1);
  text += " And more of it.";
  start(reply);
  await flushing.promise;
  await reply.close();
  expect(adapter.messages("-7")[0]?.history).toHaveLength(1);
  const place = { account: adapter.account, chat: "-7", thread: "", placeKind: "group" as const };
  expect(scheduler.take(adapter.editing.budget, place, { purpose: "final", kind: "edit" })).toBe(0);
});

it("shows nothing by a call that was still not written when the replica lost its right to send, and goes on with it", async () => {
  const { budget } = platform().editing;
  const chat = () => ({ refillMs: 3_600_000, burst: 3, reserve: 0, draftEveryMs: 0 });
  const adapter = new FakePlatform({ budget: { ...budget, chat } });
  let text = "More than enough text to be shown at once.";
  let mine = true;
  const reply = start(replyOn(adapter, { text: () => text, maySend: () => mine }));
  await expect.poll(() => adapter.messages("-7").length).toBe(1);
  // As often as it likes: what is not made is not counted.
  for (const more of [" And more.", " And still more.", " And the rest."]) {
    adapter.hold();
    text += more;
    start(reply);
    await expect.poll(() => adapter.waiting).toBe(1);
    mine = false;
    adapter.release();
    await expect.poll(() => adapter.waiting).toBe(0);
    expect(adapter.messages("-7")[0]?.history).toEqual(["More than enough text to be shown at once."]);
    mine = true;
  }
  await expect.poll(() => adapter.messages("-7")[0]?.text).toBe(text);
});

it("posts anew, once, what was still not written when the replica lost its right to send", async () => {
  const { budget } = platform().editing;
  const chat = () => ({ refillMs: 3_600_000, burst: 1, reserve: 0, draftEveryMs: 0 });
  const adapter = new FakePlatform({ budget: { ...budget, chat }, marks: true });
  let mine = true;
  adapter.hold();
  start(replyOn(adapter, { maySend: () => mine }));
  await expect.poll(() => adapter.waiting).toBe(1);
  mine = false;
  adapter.release();
  await expect.poll(() => adapter.waiting).toBe(0);
  expect(adapter.everyMessage("-7")).toEqual([]);
  mine = true;
  // The chat's only call was given back.
  await expect.poll(() => adapter.messages("-7").length, { timeout: 5_000 }).toBe(1);
  expect(adapter.looked).toEqual([]);
});

it("keeps a pause that the platform asked for while an edit got ready", async () => {
  const adapter = platform();
  const scheduler = new CallScheduler();
  let text = "More than enough text to be shown at once.";
  let flushed = 0;
  const flushLog = async () => {
    flushed += 1;
    scheduler.block(adapter.account, "-7", 60_000);
  };
  const reply = start(replyOn(adapter, { scheduler, flushLog, text: () => text }));
  await expect.poll(() => adapter.messages("-7").length).toBe(1);
  text += " And more of it.";
  start(reply);
  await expect.poll(() => flushed).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(adapter.messages("-7")[0]?.history).toHaveLength(1);
});

it("fault-16: an edit that is refused for haste stops edits alone, where the platform counts them apart", async () => {
  const { budget } = platform().editing;
  const chat = () => ({ ...budget.chat("group"), calls: ["post" as const] });
  const account = [{ ...budget.account[0]!, calls: ["edit" as const] }];
  const adapter = new FakePlatform({ budget: { chat, account } });
  const scheduler = new CallScheduler();
  let text = "More than enough text to be shown at once.";
  const reply = start(replyOn(adapter, { scheduler, text: () => text }));
  await expect.poll(() => adapter.messages("-7").length).toBe(1);
  adapter.failNext({ code: "rate_limited", call: "edit", retryAfterMs: 60_000 });
  text += " And more of it.";
  start(reply);
  const waitMs = (at: string, kind: "post" | "edit") => {
    const place = { account: adapter.account, chat: at, thread: "", placeKind: "group" as const };
    return scheduler.take(adapter.editing.budget, place, { purpose: "final", kind });
  };
  await expect.poll(() => waitMs("-8", "edit")).toBeGreaterThan(50_000);
  expect(waitMs("-7", "post")).toBeLessThan(5_000);
  expect(adapter.messages("-7")[0]?.history).toHaveLength(1);
});

it("fault-16: typing that is refused for haste stops typing alone, where the platform counts it apart", async () => {
  const { budget } = platform().editing;
  const chat = () => ({ ...budget.chat("group"), calls: ["post" as const] });
  const account = [{ ...budget.account[0]!, calls: ["typing" as const] }];
  const adapter = new FakePlatform({ budget: { chat, account } });
  const scheduler = new CallScheduler();
  adapter.failNext({ code: "rate_limited", call: "typing", retryAfterMs: 60_000 });
  replyOn(adapter, { scheduler }).startTyping();
  const place = { account: adapter.account, chat: "-7", thread: "", placeKind: "group" as const };
  await expect.poll(() => scheduler.pausedMs(place, "typing")).toBeGreaterThan(50_000);
  expect(scheduler.pausedMs(place, "post")).toBe(0);
});

it("answers nothing in a chat that has moved, where another message may have that id", async () => {
  const adapter = platform();
  adapter.failNext({ code: "conflict", call: "send", place: { kind: "moved", chat: "-107" } });
  const { target } = start(replyOn(adapter));
  await expect.poll(() => adapter.messages("-107"), { timeout: 5_000 }).toMatchObject([{ replyTo: null }]);
  expect(target).toMatchObject({ chat: "-107", replyTo: null });
});

it("edits nothing in a chat that has moved since its messages were posted", () => {
  const known = [
    { id: newId("out"), chat: "-6", message_id: "3", page: 0, state: "sent", remove: false, content: null },
  ];
  expect(replyOn(platform(), { known: known as never[] }).pages).toMatchObject([{ messageId: null }]);
  const here = known.map((page) => ({ ...page, chat: "-7" }));
  expect(replyOn(platform(), { known: here as never[] }).pages).toMatchObject([{ messageId: "3" }]);
});

it.each([
  ["whose main topic is closed", { code: "not_found", place: { kind: "thread_gone" } }],
  ["where something of the post is missing", { code: "not_found" }],
] as const)("leaves a chat alone %s, until the end of the answer", async (_, fault) => {
  const adapter = platform();
  let announced = 0;
  adapter.failNext({ ...fault, call: "send", times: 100 });
  start(replyOn(adapter, { announce: () => (announced++, true) }));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(announced).toBe(1);
});

it("shows typing again before the platform takes it away, and no more once the text stands there", async () => {
  const adapter = platform();
  Object.assign(adapter.typing, { lastsMs: 100 });
  const reply = replyOn(adapter, {
    target: { account: adapter.account, chat: "7", thread: "", replyTo: null, placeKind: "private" },
  });
  reply.startTyping();
  await expect.poll(() => adapter.typingShown.length).toBeGreaterThan(2);
  start(reply);
  await expect.poll(() => adapter.messages("7").length).toBe(1);
  const shown = adapter.typingShown.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(adapter.typingShown.length).toBe(shown);
});

it.each([
  [true, [undefined, { stop: expect.any(String), said: 66, tasks: ["tool-0"] }]],
  [false, [undefined, { stop: expect.any(String) }]],
])("marks the last page as one that streams where it may: %s", async (mayBeNative, marks) => {
  const adapter = new FakePlatform({ buttons: true, textLimit: 40 });
  const asStream = ({ text, rich }: RenderedPage, said: string, tasks: readonly Task[]) => ({
    text,
    rich: { ...(rich as object), said: said.length, tasks: tasks.map(({ id }) => id) },
  });
  Object.assign(adapter, { nativeStream: { mayStream: () => true, isStreaming: () => false, asStream } });
  const tasks: Task[] = [{ id: "tool-0", title: "search", about: "", state: "done" }];
  const said = "So much of it was said by now that it needs a second message, I see.".slice(0, 66);
  const draft = () => ({ said, progress: "", tasks, since: null, againInMs: null });
  start(replyOn(adapter, { draft, mayBeNative }));
  await expect.poll(() => adapter.messages("-7").map(({ rich }) => rich)).toEqual(marks);
});

it("counts what is appended to a stream apart from edits", async () => {
  const { budget } = platform().editing;
  const chat = () => ({ refillMs: 1, burst: 9, reserve: 0, draftEveryMs: 0, calls: ["post"] as const });
  const account = [{ refillMs: 3_600_000, burst: 1, reserve: 0, calls: ["append"] as const }];
  const adapter = new FakePlatform({ budget: { ...budget, chat, account } });
  Object.assign(adapter, {
    nativeStream: { mayStream: () => true, isStreaming: () => true, asStream: (page: unknown) => page },
  });
  let said = "More than enough text to be shown at once.";
  const scheduler = new CallScheduler();
  const reply = start(replyOn(adapter, { scheduler, text: () => said }));
  await expect.poll(() => adapter.messages("-7").length).toBe(1);
  said += " And more of it.";
  start(reply);
  await expect.poll(() => adapter.messages("-7")[0]?.text).toBe(said);
  const place = { account: adapter.account, chat: "-7", thread: "", placeKind: "group" as const };
  await reply.close();
  const take = (kind: Call["kind"]) => scheduler.take(adapter.editing.budget, place, { purpose: "final", kind });
  expect(take("append")).toBeGreaterThan(0);
  expect(take("edit")).toBe(0);
});
