import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { LiveReply } from "../../src/delivery/live-reply.ts";
import { newId } from "../../src/ids.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { silentLog } from "../support/store-engines.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A reply of which nothing is said yet. */
function reply(platform: PlatformAdapter, placeKind: "private" | "group" = "private", attempt = 1): LiveReply {
  return new LiveReply({
    delivery: new Delivery(null as never, new Map(), silentLog),
    adapter: platform,
    target: { account: platform.account, chat: "C1", thread: "1.0", replyTo: null, placeKind },
    run: { session: newId("ses"), id: newId("run"), attempt },
    firstPage: newId("out"),
    known: [],
    knownText: "",
    draft: () => ({ said: "", progress: "", tasks: [], since: null, againInMs: null }),
    render: (markdown) => platform.render(markdown),
    stopLabel: "Stop",
    mayBeNative: true,
    maySend: () => true,
    flushLog: () => Promise.resolve(),
    onGone: () => {},
    onFirstShown: () => {},
  });
}

describe("typing is shown at once, and again before it is over", () => {
  it.each([
    ["after 4 s of 5 in private", "private", undefined, 13_000, 4],
    ["not in a group, whose budget is for texts", "group", undefined, 13_000, 1],
    ["after 96 s of 120 in private", "private", 120_000, 200_000, 3],
    ["after 96 s of 120 in a group too", "group", 120_000, 200_000, 3],
  ] as const)("%s", async (_, kind, lastsMs, ms, times) => {
    const platform = new FakePlatform(lastsMs === undefined ? {} : { typingLastsMs: lastsMs });
    const live = reply(platform, kind);
    live.startTyping();
    await vi.advanceTimersByTimeAsync(ms);
    expect(platform.typingShown).toHaveLength(times);
    await live.close();
    await vi.advanceTimersByTimeAsync(ms);
    expect(platform.typingShown).toHaveLength(times);
  });
});

describe("typing is taken away", () => {
  it("once, after the call that shows it, and only where the platform can", async () => {
    const platform = new FakePlatform({ typingLastsMs: 120_000 });
    const live = reply(platform);
    platform.hold();
    live.startTyping();
    await live.close();
    const hiding = Promise.all([live.hideTyping(), live.hideTyping()]);
    await vi.advanceTimersByTimeAsync(10);
    expect(platform.waiting).toBe(1);
    platform.release();
    await hiding;
    expect([platform.typingShown, platform.typingHidden]).toEqual([["C1/1.0"], ["C1/1.0"]]);
    await reply(new FakePlatform()).hideTyping();
  });

  it("without waiting longer than a second, and whatever goes wrong", async () => {
    const platform = new FakePlatform({ typingLastsMs: 120_000 });
    platform.failNext({ code: "unavailable", call: "hide" });
    await reply(platform).hideTyping();
    platform.hold();
    const hiding = reply(platform).hideTyping();
    await vi.advanceTimersByTimeAsync(1_000);
    await hiding;
    platform.release();
  });
});

describe("what shows beside a thread that a run is at work ends with the run, once", () => {
  it.each([
    ["by hiding, where this process alone can have shown it", 1, []],
    ["although nothing of it was shown here, where another process may have", 2, [true]],
  ] as const)("%s", async (_, attempt, ended) => {
    const over: boolean[] = [];
    const platform = new FakePlatform({ typingLastsMs: 120_000 });
    const typing = {
      ...platform.typing,
      over: async (_to: object, elsewhere: boolean) => {
        over.push(elsewhere);
      },
    };
    const live = reply(Object.assign(platform, { typing }), "private", attempt);
    await live.hideTyping();
    live.over();
    live.over();
    await vi.advanceTimersByTimeAsync(10);
    expect(over).toEqual(ended);
  });
});
