import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Call, CallScheduler } from "../../src/delivery/call-scheduler.ts";
import { accountId } from "../../src/ids.ts";
import type { EditBudget } from "../../src/platform/platform-adapter.ts";

const account = accountId("telegram", "1");
const place = (chat: string, thread = "") => ({ account, chat, thread, placeKind: "private" as const });
const never = new AbortController().signal;
const FINAL: Call = { purpose: "final", kind: "edit" };
const REPLY: Call = { purpose: "reply", kind: "post" };
const APPROVAL: Call = { purpose: "approval", kind: "post" };
const FIRST: Call = { purpose: "first", kind: "post" };
const DRAFT: Call = { purpose: "draft", kind: "edit" };
const TYPING: Call = { purpose: "typing", kind: "typing" };
/** By importance. */
const CALLS = [FINAL, REPLY, APPROVAL, FIRST, DRAFT, TYPING];

/** 10 calls a second in all, 4 at once, of which one is kept. */
const budget: EditBudget = {
  chat: () => ({ draftEveryMs: 1_100, refillMs: 1_000, burst: 3, reserve: 1 }),
  account: [{ refillMs: 100, burst: 4, reserve: 1 }],
};

let scheduler: CallScheduler;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  scheduler = new CallScheduler();
});

afterEach(() => {
  // Whoever waited was answered, and no timer is left.
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Spends what may be called at once. */
function spend(): void {
  for (let chat = 0; scheduler.take(budget, place(`spent ${chat}`), FINAL) === 0;) chat += 1;
}

/** Answers that stream from now on, each edited as often as it may; the times of its edits by chat. */
function startStreams(chats: number, of = budget, on = scheduler) {
  const end = new AbortController();
  const edits: number[][] = Array.from({ length: chats }, () => []);
  const streaming = edits.map(async (times, chat) => {
    using _streaming = on.streaming(place(`${chat}`));
    while (!end.signal.aborted) {
      const waitMs = await on.acquire(of, place(`${chat}`), DRAFT, { signal: end.signal });
      if (waitMs === 0) times.push(performance.now());
    }
  });
  const stop = async () => {
    end.abort();
    await Promise.all(streaming);
    return edits;
  };
  return { stop };
}

async function stream(chats: number, ms: number): Promise<number[][]> {
  const { stop } = startStreams(chats);
  await vi.advanceTimersByTimeAsync(ms);
  return stop();
}

describe("the line for an account's calls", () => {
  it("lets the most important go first, and of equal ones whoever has waited longest", async () => {
    spend();
    const served: string[] = [];
    const shuffled = [DRAFT, TYPING, FIRST, FINAL, APPROVAL, REPLY, FINAL, DRAFT];
    const waits = shuffled.map(async (call, at) => {
      await scheduler.acquire(budget, place(`${at}`), call, { signal: never });
      served.push(`${call.purpose} ${at}`);
    });
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(waits);
    const order = ["final 3", "final 6", "reply 5", "approval 4", "first 2", "draft 0", "draft 7", "typing 1"];
    expect(served).toEqual(order);
  });

  it("gives whoever was sent back the place he had", async () => {
    spend();
    const ticket = "out_1";
    expect(await scheduler.acquire(budget, place("earlier"), FINAL, { signal: never, withinMs: 10, ticket })).toBe(100);
    expect(scheduler.load([account])[account]).toMatchObject({ answers: 1 });
    await vi.advanceTimersByTimeAsync(10);
    const served: string[] = [];
    const waits = ["later", "earlier"].map(async (name) => {
      const options = { signal: never, ...(name === "earlier" ? { ticket } : {}) };
      await scheduler.acquire(budget, place(name), FINAL, options);
      served.push(name);
    });
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(waits);
    expect(served).toEqual(["earlier", "later"]);
    expect(scheduler.load([account])[account]).toMatchObject({ answers: 0 });
  });

  it("lets nobody pass who asks at a lucky moment, but for something more important", async () => {
    spend();
    const waits = scheduler.acquire(budget, place("waits"), DRAFT, { signal: never });
    await vi.advanceTimersByTimeAsync(150);
    expect(scheduler.take(budget, place("passes"), TYPING)).toBeGreaterThan(0);
    expect(scheduler.take(budget, place("passes"), FINAL)).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waits).toBe(0);
  });

  it("is not held up by a chat that may not be called yet", async () => {
    scheduler.block(account, "blocked", 2_000);
    spend();
    const blocked = scheduler.acquire(budget, place("blocked"), FINAL, { signal: never });
    const other = scheduler.acquire(budget, place("other"), DRAFT, { signal: never });
    await vi.advanceTimersByTimeAsync(300);
    expect(await Promise.race([other, Promise.resolve("waits")])).toBe(0);
    await vi.advanceTimersByTimeAsync(1_800);
    expect(await blocked).toBe(0);
  });

  it("sends away who cannot wait long enough, at once where that is known, and says how long it would be", async () => {
    scheduler.block(account, "7", 3_600_000);
    expect(await scheduler.acquire(budget, place("7"), FINAL, { signal: never, withinMs: 2_500 })).toBe(3_600_000);
    spend();
    const behind = Array.from({ length: 30 }, (_, chat) =>
      scheduler.acquire(budget, place(`${chat}`), FINAL, { signal: never, withinMs: 1_000 }),
    );
    expect(await behind.at(-1)).toBeGreaterThan(1_000);
    const waiting = scheduler.acquire(budget, place("blocked meanwhile"), FINAL, { signal: never, withinMs: 1_200 });
    scheduler.block(account, "blocked meanwhile", 60_000);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await waiting).toBeGreaterThan(50_000);
    const answers = await Promise.all(behind);
    expect(answers.filter((waitMs) => waitMs === 0).length).toBeGreaterThanOrEqual(9);
    expect(answers.filter((waitMs) => waitMs > 0).length).toBeGreaterThanOrEqual(19);
  });

  it("keeps no call for who has given up", async () => {
    spend();
    const end = new AbortController();
    const left = scheduler.acquire(budget, place("left"), DRAFT, { signal: end.signal });
    const stays = scheduler.acquire(budget, place("stays"), DRAFT, { signal: never });
    end.abort();
    expect(await left).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(210);
    expect(await stays).toBe(0);
    expect(await scheduler.acquire(budget, place("late"), DRAFT, { signal: end.signal })).toBeGreaterThan(0);
  });

  it("goes on with a call that was not made after all", async () => {
    spend();
    scheduler.giveBack(budget, place("spent 0"), FINAL);
    expect(scheduler.take(budget, place("other"), FINAL)).toBe(0);
    const waits = scheduler.acquire(budget, place("7"), FIRST, { signal: never });
    scheduler.giveBack(budget, place("other"), FINAL);
    await vi.advanceTimersByTimeAsync(10);
    expect(await waits).toBe(0);
  });

  it("leaves nobody waiting for ever, and lets no more go than the budget has, whatever is asked when", async () => {
    const step = fc.record({
      ms: fc.nat(500),
      chat: fc.nat(4),
      call: fc.constantFrom(...CALLS),
      giveUpMs: fc.option(fc.nat(400), { nil: undefined }),
      withinMs: fc.option(fc.nat(2_000), { nil: undefined }),
      blockMs: fc.option(fc.nat(3_000), { nil: undefined, freq: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const here = new CallScheduler();
        const begin = performance.now();
        const went: number[] = [];
        const answered = steps.map(async () => undefined);
        for (const [at, { ms, chat, call, giveUpMs, withinMs, blockMs }] of steps.entries()) {
          await vi.advanceTimersByTimeAsync(ms);
          if (blockMs !== undefined) here.block(account, `${chat}`, blockMs);
          const end = new AbortController();
          if (giveUpMs !== undefined) setTimeout(() => end.abort(), giveUpMs);
          const patience = { signal: end.signal, ...(withinMs === undefined ? {} : { withinMs }) };
          answered[at] = here.acquire(budget, place(`${chat}`), call, patience).then((waitMs) => {
            if (waitMs === 0) went.push(performance.now());
            return undefined;
          });
        }
        await vi.advanceTimersByTimeAsync(120_000);
        await Promise.all(answered);
        for (const [index, time] of went.entries()) {
          expect(index + 1).toBeLessThanOrEqual(4 + (time - begin) / 100 + 0.001);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("answers that stream at once", () => {
  it("are edited in turn: none much less often than another, and no call is left over", async () => {
    const edits = await stream(200, 60_000);
    const counts = edits.map(({ length }) => length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(595);
  });

  it("are edited at their own pace while there is room, and more slowly the more there are", async () => {
    const gap = (times: number[]) => (times.at(-1)! - times[0]!) / (times.length - 1);
    const few = await stream(3, 30_000);
    const many = await stream(50, 60_000);
    for (const times of few) expect(gap(times)).toBeLessThan(1_200);
    for (const times of many) expect(gap(times)).toBeGreaterThan(4_500);
  });

  it("leave room for the finals of many of them at once, which wait for no draft", async () => {
    const wide = { ...budget, account: [{ refillMs: 100, burst: 20, reserve: 5 }] };
    const { stop } = startStreams(150, wide);
    await vi.advanceTimersByTimeAsync(40_000);
    const asked = performance.now();
    const waited: number[] = [];
    const finals = Array.from({ length: 40 }, async (_, chat) => {
      await scheduler.acquire(wide, place(`final ${chat}`), FINAL, { signal: never });
      waited.push(performance.now() - asked);
    });
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(finals);
    await stop();
    expect(waited.filter((ms) => ms === 0).length).toBeGreaterThanOrEqual(10);
    expect(Math.max(...waited)).toBeLessThanOrEqual(100 * (40 - 10) + 20);
  });
});

/** Replicas that hear of each other every two seconds, as renewals of their leases let them. */
async function hearing(replicas: CallScheduler[], ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 2_000) {
    const loads = new Map(replicas.map((each) => [each, each.load([account])]));
    for (const each of replicas) {
      const others = replicas.filter((other) => other !== each);
      const heard = others.map((other) => ({ load: loads.get(other)!, age_ms: 0 }));
      each.heard(each.load([account]), heard);
    }
    await vi.advanceTimersByTimeAsync(2_000);
  }
}

describe("replicas that share an account", () => {
  const total = (edits: number[][], from: number, to: number) =>
    edits.flat().filter((at) => at >= from && at < to).length;

  it("each take the part of its calls that their chats are, so that every chat is edited about as often", async () => {
    const replicas = [new CallScheduler(), new CallScheduler()];
    const streams = [startStreams(60, budget, replicas[0]), startStreams(30, budget, replicas[1])];
    await hearing(replicas, 10_000);
    const from = performance.now();
    await hearing(replicas, 60_000);
    const edits = await Promise.all(streams.map(({ stop }) => stop()));
    expect(total(edits.flat(), from, from + 60_000)).toBeLessThanOrEqual(602);
    expect(total(edits.flat(), from, from + 60_000)).toBeGreaterThanOrEqual(580);
    const counts = edits.flat().map((times) => total([times], from, from + 60_000));
    expect(Math.max(...counts)).toBeLessThan(2 * Math.min(...counts));
  });

  it("never send more together than it has, while chats come and go and replicas come and die", async () => {
    const alive = [new CallScheduler()];
    const all: { stop: () => Promise<number[][]> }[] = [startStreams(50, budget, alive[0])];
    const begin = performance.now();
    await hearing(alive, 6_000);
    const newcomer = new CallScheduler();
    // It hears of the others before it sends anything.
    newcomer.heard({}, [{ load: alive[0]!.load([account]), age_ms: 0 }]);
    alive.push(newcomer);
    all.push(startStreams(50, budget, newcomer));
    await hearing(alive, 10_000);
    const first = await all[0]!.stop();
    await hearing(alive, 10_000);
    await hearing([newcomer], 10_000);
    const last = await all[1]!.stop();
    const end = performance.now();
    expect(total(last, begin + 6_000, begin + 8_000)).toBeGreaterThan(0);
    // Alone in the end, it has everything.
    expect(total(last, end - 6_000, end)).toBeGreaterThanOrEqual(58);
    const together = [...first, ...last];
    for (let from = begin; from < end; from += 500) {
      expect(total(together, from, from + 5_000)).toBeLessThanOrEqual(55);
    }
  });

  it("share the limit of a chat as well, if topics of it are answered here and there", async () => {
    const replicas = [new CallScheduler(), new CallScheduler()];
    const free = { ...budget, account: [] };
    const end = new AbortController();
    const edits: number[] = [];
    const topics = ["a", "b", "c", "d"].map(async (topic, at) => {
      const [on, topicPlace] = [replicas[at % 2]!, place("group", topic)];
      using _streaming = on.streaming(topicPlace);
      while (!end.signal.aborted) {
        if ((await on.acquire(free, topicPlace, DRAFT, { signal: end.signal })) === 0) edits.push(performance.now());
      }
    });
    await hearing(replicas, 6_000);
    const from = performance.now();
    await hearing(replicas, 60_000);
    const during = edits.filter((at) => at > from).length;
    end.abort();
    await Promise.all(topics);
    expect(during).toBeLessThanOrEqual(62);
    expect(during).toBeGreaterThanOrEqual(56);
  });

  it("hear of a pause that the platform asked one of them for", async () => {
    const [asked, other] = [new CallScheduler(), new CallScheduler()];
    asked.pause(account, "edit", 30_000);
    const load = JSON.parse(JSON.stringify(asked.load([account])));
    other.heard(other.load([account]), [{ load, age_ms: 1_500 }]);
    expect(other.take(budget, place("7"), FINAL)).toBe(28_500);
    expect(other.take(budget, place("7"), REPLY)).toBe(0);
  });
});
