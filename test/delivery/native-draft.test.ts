import { afterEach, beforeEach, expect, it } from "vitest";
import { CallScheduler } from "../../src/delivery/call-scheduler.ts";
import { Delivery } from "../../src/delivery/delivery.ts";
import { LiveReply, type LiveReplyOptions } from "../../src/delivery/live-reply.ts";
import { GatewayError } from "../../src/errors.ts";
import { newId } from "../../src/ids.ts";
import { createLog } from "../../src/observe/log.ts";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { createTestDatabase } from "../support/postgres.ts";

const log = createLog({ level: "silent", secrets: [] });
const FIRST = "More than enough text to be shown at once.";
const LIMIT = 60;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let store: ReturnType<typeof openPostgres>;
let opened: DraftScene | null = null;

beforeEach(async () => {
  database = await createTestDatabase();
  store = openPostgres(database.url, log, 2);
});

afterEach(async () => {
  await opened?.reply.close();
  opened = null;
  await store.close();
  await database.drop();
});

/** A reply in the private chat "7", on a platform with drafts of its own and pages of 60 characters. */
class DraftScene {
  readonly adapter = new FakePlatform({ textLimit: LIMIT, buttons: true });
  readonly scheduler = new CallScheduler();
  /** Each draft that was asked for, also one that failed. */
  readonly drafts: { id: string; page: RenderedPage }[] = [];
  readonly run = newId("run");
  readonly reply: LiveReply;
  text = FIRST;
  progress = "";
  since: number | null = null;
  mayShow = true;
  /** What the next draft fails with. */
  fault: GatewayError | null = null;
  held: Promise<void> | null = null;
  firstShown = 0;

  constructor(options: Partial<LiveReplyOptions> & { lastsMs?: number } = {}) {
    const { lastsMs = 30_000, ...rest } = options;
    const { adapter } = this;
    const show = async (_: unknown, id: string, page: RenderedPage) => {
      this.drafts.push({ id, page });
      await this.held;
      const { fault } = this;
      this.fault = null;
      if (fault) throw fault;
    };
    Object.assign(adapter, { nativeDraft: { lastsMs, mayShow: () => this.mayShow, show } });
    const delivery = new Delivery(store.db, new Map([[adapter.account, adapter]]), log, this.scheduler);
    Object.assign(delivery, { drafts: { announce: async () => true, posted: async () => undefined } });
    this.reply = new LiveReply({
      delivery,
      adapter,
      target: { account: adapter.account, chat: "7", thread: "", replyTo: null, placeKind: "private" },
      run: { session: newId("ses"), id: this.run, attempt: 1 },
      firstPage: newId("out"),
      known: [],
      knownText: "",
      draft: () => ({ said: this.text, tasks: [], progress: this.progress, since: this.since, againInMs: null }),
      render: (markdown) => adapter.render(markdown),
      stopLabel: "Stop",
      mayBeNative: true,
      maySend: () => true,
      flushLog: async () => undefined,
      onGone: () => undefined,
      onFirstShown: () => void (this.firstShown += 1),
      ...rest,
    });
  }

  /** Says it, and waits until it is seen as a draft. */
  async drafted(text: string): Promise<void> {
    this.text = text;
    this.reply.changed();
    await expect.poll(() => this.drafts.at(-1)?.page.text).toBe(text);
  }

  get shown(): string[] {
    return this.adapter.messages("7").map((message) => message.text);
  }
}

function open(options?: ConstructorParameters<typeof DraftScene>[0]): DraftScene {
  opened = new DraftScene(options);
  return opened;
}

it("shows an answer as a draft that grows under one id, and leaves its message to the outbox", async () => {
  const scene = open();
  await scene.drafted(FIRST);
  await scene.drafted(`${FIRST} And more.`);
  await scene.reply.close();
  expect(scene.shown).toEqual([]);
  expect(scene.reply).toMatchObject({ shown: false, drafted: true, pages: [{ messageId: null }] });
  expect(new Set(scene.drafts.map(({ id }) => id))).toEqual(new Set([scene.run]));
  expect(scene.drafts.map(({ page }) => page.rich)).toEqual([undefined, undefined]);
  expect(scene.firstShown).toBe(1);
});

it("posts the pages that are full, and shows the last one as the draft", async () => {
  const scene = open();
  await scene.drafted(FIRST);
  const long = "0123456789".repeat(14);
  scene.text = long;
  scene.reply.changed();
  await expect.poll(() => scene.drafts.at(-1)?.page.text).toBe(long.slice(2 * LIMIT));
  expect(scene.shown).toEqual([long.slice(0, LIMIT), long.slice(LIMIT, 2 * LIMIT)]);
  expect(scene.adapter.messages("7").map((message) => message.rich)).toEqual([undefined, undefined]);
  expect(scene.reply).toMatchObject({ shown: true, drafted: true });
});

it("shows it again before it goes away, and no more once the answer is over", async () => {
  const scene = open({ lastsMs: 1_500 });
  await scene.drafted(FIRST);
  await expect.poll(() => scene.drafts.length, { timeout: 5_000 }).toBeGreaterThan(2);
  expect(new Set(scene.drafts.map(({ page }) => page.text))).toEqual(new Set([FIRST]));
  await scene.reply.close();
  const last = scene.drafts.length;
  scene.text += " And more.";
  scene.reply.changed();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(scene.drafts.length).toBe(last);
});

it("goes on with lines that alone would be worth no message", async () => {
  const scene = open();
  scene.text = "";
  scene.progress = "a tool works";
  scene.since = performance.now();
  scene.reply.changed();
  await expect.poll(() => scene.drafts.at(-1)?.page.text).toBe("a tool works");
  scene.progress = "a tool has worked";
  scene.since = null;
  scene.reply.changed();
  await expect.poll(() => scene.drafts.at(-1)?.page.text).toBe("a tool has worked");
});

it("waits at its end for the draft in flight", async () => {
  const scene = open();
  const { promise, resolve } = Promise.withResolvers<void>();
  scene.held = promise;
  await scene.drafted(FIRST);
  let closed = false;
  const closing = scene.reply.close().then(() => (closed = true));
  await new Promise((done) => setTimeout(done, 100));
  expect(closed).toBe(false);
  resolve();
  await closing;
  expect(scene.drafts).toHaveLength(1);
});

it("goes on with a message and its button when a draft is refused, and asks for none again", async () => {
  const scene = open();
  await scene.drafted(FIRST);
  scene.fault = new GatewayError("forbidden", "no drafts here", { delivered: "no" });
  scene.text += " And more.";
  scene.reply.changed();
  await expect.poll(() => scene.shown).toEqual([scene.text]);
  expect(scene.adapter.messages("7")[0]?.rich).toEqual({ stop: `stop:${scene.run}` });
  scene.text += " More.";
  scene.reply.changed();
  await expect.poll(() => scene.shown).toEqual([scene.text]);
  expect(scene.drafts).toHaveLength(2);
});

it("fault-16: a draft that is refused for haste stops everything in the chat, and is shown afterwards", async () => {
  const scene = open();
  scene.fault = new GatewayError("rate_limited", "slowly", { delivered: "no", retryAfterMs: 1_000 });
  scene.reply.changed();
  await expect.poll(() => scene.scheduler.isBlocked({ account: scene.adapter.account, chat: "7" })).toBe(true);
  expect(scene.drafts).toHaveLength(1);
  await expect.poll(() => scene.drafts.length, { timeout: 5_000 }).toBe(2);
  expect(scene.shown).toEqual([]);
});

it("shows it once more when nobody knows whether it was shown", async () => {
  const scene = open();
  scene.fault = new GatewayError("unavailable", "lost", { delivered: "unknown" });
  scene.reply.changed();
  await expect.poll(() => scene.drafts.length, { timeout: 5_000 }).toBe(2);
  expect(scene.shown).toEqual([]);
});

it.each([
  ["where the platform has none", { mayShow: false }, {}],
  ["of an answer beside another", {}, { mayBeNative: false }],
])("shows no draft %s", async (_, change, options) => {
  const scene = Object.assign(open(options), change);
  scene.reply.changed();
  await expect.poll(() => scene.shown).toEqual([FIRST]);
  expect(scene.drafts).toEqual([]);
});

it("keeps what the attempt before it had said until it has said as much", async () => {
  const known = `${FIRST} And more.`;
  const scene = open({ knownText: known });
  scene.text = FIRST;
  scene.reply.changed();
  await expect.poll(() => scene.drafts.map(({ page }) => page.text)).toEqual([known]);
  await scene.drafted(`${known} Done.`);
});

it("edits the message that an attempt without drafts had posted", async () => {
  const posted = { id: newId("out"), chat: "7", page: 0, state: "sent", remove: false, content: null };
  const scene = open({ known: [{ ...posted, message_id: "1" }] as never[] });
  await scene.adapter.send({ account: scene.adapter.account, chat: "7", thread: "", replyTo: null }, { text: "More" });
  scene.reply.changed();
  await expect.poll(() => scene.shown).toEqual([FIRST]);
  expect(scene.drafts).toEqual([]);
});
