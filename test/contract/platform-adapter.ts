import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { Accept, PlatformAdapter, RenderedPage, SentMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { callWhile } from "../../src/platform/right-to-call.ts";

/** An adapter together with the other side: the people, and what can go wrong there. */
export interface PlatformUnderTest {
  adapter: PlatformAdapter;
  /** A private chat the bot may write in. */
  chat: string;
  textLimit: number;
  /** What must never stand in an error. */
  secrets: string[];
  /** `adapter.start`, with its webhook served where there is one. */
  start(accept: Accept, signal: AbortSignal): Promise<void>;
  /** A person writes in the chat; the platform keeps it until it is acknowledged, and delivers it again if it is not. */
  say(text: string): void;
  /** How many updates the platform still holds. */
  unacknowledged(): number;
  /** The texts of the bot's messages in the chat that can be seen, oldest first. */
  shown(): string[];
  /** The next call of this kind is refused for a while. */
  refuse(call: "send" | "edit", retryAfterMs: number): void;
  /** The next call of this kind takes effect, but its answer does not arrive. */
  loseAnswer(call: "send" | "edit"): void;
  /** A person presses the button of this message. Where the adapter has buttons. */
  press?(at: SentMessage): void;
  close(): Promise<void>;
}

const NEVER = new AbortController().signal;

/** What every adapter promises; called at the top of the adapter's own test file. */
export function platformAdapterContract(name: string, make: () => Promise<PlatformUnderTest>): void {
  describe(`${name} as a platform adapter`, () => {
    let under: PlatformUnderTest;
    let adapter: PlatformAdapter;
    let intake: AbortController;
    let running: Promise<void>[];
    let to: ReplyTarget;

    beforeEach(async () => {
      under = await make();
      adapter = under.adapter;
      intake = new AbortController();
      running = [];
      await adapter.connect(NEVER);
      to = { account: adapter.account, chat: under.chat, thread: "", replyTo: null };
    });

    afterEach(async () => {
      intake.abort();
      await Promise.all(running);
      await adapter.close();
      await under.close();
    });

    function listen(accept: Accept): IncomingUpdate[] {
      const seen: IncomingUpdate[] = [];
      running.push(
        under.start(async (update) => {
          seen.push(update);
          await accept(update);
        }, intake.signal),
      );
      return seen;
    }

    test("knows its account once connected", () => {
      expect(adapter.account).toMatch(new RegExp(`^${adapter.platform}:\\S+$`));
    });

    test("posts every page as a message of its own, in the order of the calls", async () => {
      const sent: SentMessage[] = [];
      for (const text of ["one", "two", "three"]) sent.push(await adapter.send(to, { text }));
      expect(new Set(sent.map((it) => it.messageId)).size).toBe(3);
      expect(sent.every((it) => it.account === adapter.account && it.chat === under.chat)).toBe(true);
      expect(under.shown()).toEqual(["one", "two", "three"]);
    });

    test("hands over what a person wrote, with all that is needed to answer there", async () => {
      const seen = listen(() => Promise.resolve());
      under.say("hello there");
      await expect.poll(() => seen.length).toBe(1);
      const [update] = seen;
      expect(update).toMatchObject({ kind: "message", account: adapter.account, text: "hello there", addressed: true });
      if (update?.kind !== "message") throw new Error("no message");
      expect(Math.abs(update.writtenAt - Date.now())).toBeLessThan(60_000);
      const { chat, thread } = update.place;
      await adapter.send({ account: update.account, chat, thread, replyTo: update.messageId }, { text: "hello you" });
      expect(under.shown()).toEqual(["hello you"]);
    });

    test("acknowledges nothing before it is stored, and then does", async () => {
      const stored = Promise.withResolvers<void>();
      const seen = listen(() => stored.promise);
      under.say("keep this");
      await expect.poll(() => seen.length).toBe(1);
      expect(under.unacknowledged()).toBe(1);
      stored.resolve();
      await expect.poll(() => under.unacknowledged(), { timeout: 10_000 }).toBe(0);
    });

    test("hands over again, under the same key, what could not be stored", async () => {
      let failures = 1;
      const seen = listen(() =>
        failures-- > 0 ? Promise.reject(new GatewayError("unavailable", "no database")) : Promise.resolve(),
      );
      under.say("keep this");
      await expect.poll(() => under.unacknowledged(), { timeout: 15_000 }).toBe(0);
      expect(seen.length).toBe(2);
      expect(seen[1]).toEqual(seen[0]);
    });

    test("gives different updates different keys, and none to its own messages", async () => {
      const seen = listen(() => Promise.resolve());
      under.say("first");
      await adapter.send(to, { text: "an answer" });
      under.say("second");
      await expect.poll(() => seen.filter((it) => it.kind === "message").length).toBe(2);
      // Some platforms tell a bot of what it says itself.
      const others = seen.filter((it) => it.kind !== "ignored");
      expect(others.map((it) => (it.kind === "message" ? it.text : it.kind))).toEqual(["first", "second"]);
      expect(new Set(others.map((it) => it.key)).size).toBe(2);
    });

    test("stops at the abort, without acknowledging what is not stored", async () => {
      const seen = listen(() => new Promise(() => {}));
      under.say("keep this");
      await expect.poll(() => seen.length).toBe(1);
      intake.abort();
      await Promise.all(running);
      expect(under.unacknowledged()).toBe(1);
    });

    test("does nothing when it is started with an aborted signal", async () => {
      intake.abort();
      const seen = listen(() => Promise.resolve());
      await Promise.all(running);
      expect(seen).toEqual([]);
    });

    test("renders at least one page, and only pages that the platform accepts", async () => {
      const long = Array.from({ length: under.textLimit / 4 }, (_, i) => `word${i % 97}`).join(" ");
      for (const markdown of ["", " \n", "**half", "`", "a **b** _c_", "\uD83D", "🙂".repeat(10), long]) {
        const pages = adapter.render(markdown);
        expect(pages.length).toBeGreaterThan(0);
        for (const page of pages) await adapter.send(to, page);
      }
      expect(adapter.render(long).length).toBeGreaterThan(1);
      const words = adapter.render(long).flatMap((page) => page.text.split(/\s+/));
      expect(words.join("")).toBe(long.replaceAll(" ", ""));
    });

    test("refuses a text that is too long, and an empty one, instead of changing them", async () => {
      const long = { text: "x".repeat(under.textLimit + 1) };
      await expect(adapter.send(to, long)).rejects.toMatchObject({ code: "too_large", delivered: "no" });
      await expect(adapter.send(to, { text: " " })).rejects.toMatchObject({ code: "invalid", delivered: "no" });
      expect(under.shown()).toEqual([]);
    });

    test("hands on how long to wait after a refusal, which is certain not to have been applied", async () => {
      under.refuse("send", 7000);
      const refusal = { code: "rate_limited", retryAfterMs: 7000, delivered: "no" };
      await expect(adapter.send(to, { text: "hi" })).rejects.toMatchObject(refusal);
      expect(under.shown()).toEqual([]);
    });

    test("says that a send whose answer was lost may have been applied", async () => {
      under.loseAnswer("send");
      await expect(adapter.send(to, { text: "hi" })).rejects.toMatchObject({
        code: "unavailable",
        delivered: "unknown",
      });
      expect(under.shown()).toEqual(["hi"]);
    });

    test("security-28: rejects with its own error class only, and without secrets anywhere in it", async () => {
      const faults = [() => under.loseAnswer("send"), () => under.refuse("send", 1000), () => undefined];
      for (const fault of faults) {
        fault();
        const text = faults.indexOf(fault) === 2 ? "" : "a private word";
        const error: unknown = await adapter.send(to, { text }).catch((it: unknown) => it);
        expect(error).toBeInstanceOf(GatewayError);
        const everything = inspect(error, { depth: 20, showHidden: true }) + String((error as Error).stack);
        for (const secret of [...under.secrets, "a private word"]) expect(everything).not.toContain(secret);
      }
    });

    test("edits its message, and takes an edit that changes nothing for done", async () => {
      const { editing } = adapter;
      if (!editing) return;
      const at = await adapter.send(to, { text: "He" });
      await editing.edit(at, { text: "Hello" });
      await editing.edit(at, { text: "Hello" });
      expect(under.shown()).toEqual(["Hello"]);
      const long = { text: "x".repeat(under.textLimit + 1) };
      await expect(editing.edit(at, long)).rejects.toMatchObject({ code: "too_large" });
    });

    test("hands on how long to wait after a refused edit", async () => {
      const { editing } = adapter;
      if (!editing) return;
      const at = await adapter.send(to, { text: "He" });
      under.refuse("edit", 3000);
      const refusal = { code: "rate_limited", retryAfterMs: 3000, delivered: "no" };
      await expect(editing.edit(at, { text: "Hello" })).rejects.toMatchObject(refusal);
      expect(under.shown()).toEqual(["He"]);
    });

    test("an edit whose answer was lost may be repeated", async () => {
      const { editing } = adapter;
      if (!editing) return;
      const at = await adapter.send(to, { text: "He" });
      under.loseAnswer("edit");
      await expect(editing.edit(at, { text: "Hello" })).rejects.toMatchObject({ code: "unavailable" });
      await editing.edit(at, { text: "Hello" });
      expect(under.shown()).toEqual(["Hello"]);
    });

    test("makes no call whose time is over before it is written, and says that it was not made", async () => {
      const { editing, nativeDraft } = adapter;
      const at = await adapter.send(to, { text: "He" });
      const refusal = { code: "cancelled", delivered: "no" };
      const never = () => false;
      await expect(callWhile(never, () => adapter.send(to, { text: "again" }))).rejects.toMatchObject(refusal);
      if (editing)
        await expect(callWhile(never, () => editing.edit(at, { text: "Hello" }))).rejects.toMatchObject(refusal);
      if (nativeDraft)
        await expect(callWhile(never, () => nativeDraft.show(to, "run_1", { text: "Hello" }))).rejects.toMatchObject(
          refusal,
        );
      expect(under.shown()).toEqual(["He"]);
    });

    test("removes its message, once and again; what is gone cannot be edited", async () => {
      const { editing } = adapter;
      if (!editing) return;
      const at = await adapter.send(to, { text: "a draft" });
      await editing.remove(at);
      await editing.remove(at);
      expect(under.shown()).toEqual([]);
      await expect(editing.edit(at, { text: "more" })).rejects.toMatchObject({ code: "not_found" });
    });

    test("shows that it is typing, and that it is not any more", async () => {
      await adapter.typing?.show(to);
      await adapter.typing?.hide?.(to);
      expect(under.shown()).toEqual([]);
    });

    test("finds a post by its mark, also one whose answer was lost, and knows what was never posted", async () => {
      const { marks } = adapter;
      if (!marks) return;
      const sent = await adapter.send(to, { text: "one" }, "out_1");
      under.loseAnswer("send");
      await expect(adapter.send(to, { text: "two" }, "out_2")).rejects.toMatchObject({ delivered: "unknown" });
      expect(await marks.find(to, "out_1")).toEqual(sent);
      const lost = await marks.find(to, "out_2");
      expect(lost).toMatchObject({ account: adapter.account, chat: under.chat });
      expect(lost?.messageId).not.toBe(sent.messageId);
      expect(await marks.find(to, "out_3")).toBe(null);
      // What was found can be gone on with.
      await adapter.editing?.edit(lost!, { text: "two, and more" });
      if (adapter.editing) expect(under.shown()).toEqual(["one", "two, and more"]);
    });

    test("puts a button below an answer that grows, and hands over who pressed it", async () => {
      const { buttons, editing } = adapter;
      if (!buttons || !editing) return;
      const value = "stop:run_0123456789abcdef0123456789abcdef".padEnd(64, "~");
      const seen = listen(() => Promise.resolve());
      const [half] = adapter.render("half an **ans");
      const [whole] = adapter.render("half an **answer**");
      const at = await adapter.send(to, buttons.withStop(half!, value, "Stop"));
      await editing.edit(at, buttons.withStop(whole!, value, "Stop"));
      under.press?.(at);
      await expect.poll(() => seen.filter((it) => it.kind === "press").length).toBe(1);
      const press = seen.find((it) => it.kind === "press");
      expect(press).toMatchObject({ value, messageId: at.messageId, place: { chat: under.chat } });
      await editing.edit(at, whole!);
      expect(under.shown().join("")).not.toMatch(/stop/i);
    });

    test("puts thumbs below a whole answer, and hands over who pressed one", async () => {
      const { feedback, editing } = adapter;
      if (!feedback || !editing) return;
      const value = (word: string) => `vote-${word}:`.padEnd(64, "~");
      const thumbs = { up: { value: value("up"), label: "Good" }, down: { value: value("down"), label: "Bad" } };
      const seen = listen(() => Promise.resolve());
      const [page] = adapter.render("a **whole** answer");
      const at = await adapter.send(to, page!);
      await editing.edit(at, feedback.withThumbs(page!, { ...thumbs, chosen: null }));
      under.press?.(at);
      await expect.poll(() => seen.filter((it) => it.kind === "press").length, { timeout: 5_000 }).toBe(1);
      const press = seen.find((it) => it.kind === "press");
      expect(press).toMatchObject({ value: value("up"), messageId: at.messageId, place: { chat: under.chat } });
      // As it comes back from the database.
      const kept = JSON.parse(JSON.stringify(feedback.withThumbs(page!, { ...thumbs, chosen: null }))) as RenderedPage;
      await editing.edit(at, feedback.withThumbs(kept, { ...thumbs, chosen: "up" }));
      expect(under.shown()).toHaveLength(1);
      expect(under.shown()[0]).toMatch(/whole/);
    });

    test("the numbers of its budgets make sense", () => {
      const { budget } = adapter.editing ?? {};
      if (!budget) return;
      for (const it of [budget.chat("private"), budget.chat("group"), ...budget.account]) {
        expect(it.refillMs).toBeGreaterThan(0);
        expect(it.burst).toBeGreaterThan(it.reserve);
      }
    });
  });
}
