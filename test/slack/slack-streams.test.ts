import { afterEach, describe, expect, test } from "vitest";
import type { PlatformAdapter, RenderedPage, SentMessage, Task } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { callWhile } from "../../src/platform/right-to-call.ts";
import type { FakeMessage } from "../fakes/slack/channels.ts";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
import { NO_LIMITS } from "../fakes/slack/limits.ts";
import { type ConnectedSlack, connectSlack, slackAt } from "./start-slack.ts";

const SEARCH: Task = { id: "tool-0", title: "web search", about: "weather in Rome", state: "running" };

let slack: FakeSlack;
let adapter: PlatformAdapter;
let close: ConnectedSlack["close"];
let now = 0;

async function open(options: Parameters<typeof connectSlack>[1] = {}, fake: Parameters<typeof connectSlack>[0] = {}) {
  now = Date.now();
  ({ slack, adapter, close } = await connectSlack(
    { limits: "off", now: () => now, ...fake },
    { stream: true, ...options },
  ));
}
afterEach(() => close());

/** What Ann has asked, in a direct message. */
function thread(): ReplyTarget {
  const channel = slack.dm(slack.user("ann"));
  const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question" });
  return { account: adapter.account, chat: channel.id, thread: ts, replyTo: null };
}

/** The last page of an answer that grows. */
function growing(said: string, tasks: Task[] = [], by = adapter): RenderedPage {
  const page = by.render(said, true).at(-1)!;
  return by.nativeStream!.asStream(by.buttons!.withStop(page, "stop:run_1", "Stop"), said, tasks);
}

function final(said: string): RenderedPage {
  return adapter.render(said).at(-1)!;
}

function lines(to: ReplyTarget): string[] {
  return slack.transcript(to.chat, to.thread).slice(1);
}

function only(to: ReplyTarget): FakeMessage {
  const [message, ...others] = slack.botMessages(to.chat, to.thread);
  expect(others).toEqual([]);
  return message!;
}

function outcomes(method: string): string[] {
  return slack.calls(method).map(({ outcome }) => outcome);
}

describe("an answer that streams", () => {
  test("is appended to, shows its tools as cards, and stands in the end as it does without", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("Let me look at the fore"), "out_1");
    expect(slack.session(to.chat, to.thread)?.status).toBe("processing");
    await adapter.editing!.edit(at, growing("Let me look at the forecast.", [SEARCH]));
    await adapter.editing!.edit(at, growing("Let me look at the forecast.", [{ ...SEARCH, state: "done" }]));
    await adapter.editing!.edit(
      at,
      growing("Let me look at the forecast.\n\nIt will **ra", [{ ...SEARCH, state: "done" }]),
    );
    await adapter.editing!.edit(at, final("Let me look at the forecast.\n\nIt will **rain**."));
    expect(lines(to)).toEqual([
      "bot#1» Let me look at the",
      "bot#1»  forecast.\n    [⏳ web search: `weather in Rome`]",
      "bot#1» [✓ web search: `weather in Rome`]",
      "bot#1» \n    \n    It will",
      "bot#1» (ends)",
      "bot#1~ Let me look at the forecast.\n    \n    It will **rain**.",
    ]);
    expect(only(to).metadata).toEqual({ event_type: "parley_post", event_payload: { id: "out_1" } });
    expect(slack.liveMentions()).toEqual([]);
  });

  test("may begin with a tool, before anything is said", async () => {
    await open();
    const to = thread();
    const page = adapter.render("⏳ web search")[0]!;
    const at = await adapter.send(to, adapter.nativeStream!.asStream(page, "", [SEARCH]));
    await adapter.editing!.edit(at, final("⏹ Stopped."));
    expect(lines(to)).toEqual(["bot#1» [⏳ web search: `weather in Rome`]", "bot#1» (ends)", "bot#1~ ⏹ Stopped."]);
  });

  test("costs no call where nothing new is sure", async () => {
    await open();
    const at = await adapter.send(thread(), growing("One two"));
    await adapter.editing!.edit(at, growing("One two"));
    await adapter.editing!.edit(at, growing("One twofold"));
    expect(slack.calls("chat.appendStream")).toEqual([]);
    expect(slack.calls("chat.update")).toEqual([]);
  });

  test("goes on by edits, whole and with a button, where what was appended does not stay", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    await adapter.editing!.edit(at, growing("Another beginning of it"));
    await adapter.editing!.edit(at, growing("Another beginning of it all"));
    expect(lines(to)).toEqual([
      "bot#1» One two",
      "bot#1» (ends)",
      "bot#1~ Another beginning of it\n    [Stop]",
      "bot#1~ Another beginning of it all\n    [Stop]",
    ]);
  });

  test("goes on by edits before Slack would end it, and can be stopped by a button from then on", async () => {
    await open({ streamLastsMs: 0 });
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    await adapter.editing!.edit(at, growing("One two three four"));
    expect(lines(to)).toEqual(["bot#1» One two", "bot#1» (ends)", "bot#1~ One two three four\n    [Stop]"]);
  });

  test("goes on by edits when Slack has ended it", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    now += 5 * 60_000;
    await adapter.editing!.edit(at, growing("One two three four"));
    expect(outcomes("chat.appendStream")).toEqual(["message_not_in_streaming_state"]);
    expect(only(to).shown).toBe("One two three four\n[Stop]");
  });

  test("that its reader has stopped takes the last word", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    slack.stopSession({ channel: to.chat, user: slack.user("ann"), thread: to.thread });
    await adapter.editing!.edit(at, final("One two three\n\n⏹ Stopped."));
    expect(only(to).shown).toBe("One two three\n\n⏹ Stopped.");
  });

  test("is appended to once, whatever becomes of the answer to that", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    slack.fault({ kind: "reset-after-applying", method: "chat.appendStream" });
    await expect(adapter.editing!.edit(at, growing("One two three four"))).rejects.toMatchObject({
      delivered: "unknown",
    });
    await adapter.editing!.edit(at, growing("One two three four five"));
    expect(only(to).shown).toBe("One two three four five\n[Stop]");
    expect(slack.calls("chat.appendStream")).toHaveLength(1);
  });

  test("streams on after what was not written, because its time was over", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"), "out_1");
    const late = callWhile(
      () => false,
      () => adapter.editing!.edit(at, growing("One two three four")),
    );
    await expect(late).rejects.toMatchObject({ code: "cancelled", delivered: "no" });
    await adapter.editing!.edit(at, growing("One two three four five"));
    expect(lines(to)).toEqual(["bot#1» One two", "bot#1»  three four"]);
  });

  test("begins as often as it may, whatever was not written before", async () => {
    await open();
    const to = thread();
    for (let i = 0; i < 10; i++) {
      const late = callWhile(
        () => false,
        () => adapter.send(to, growing("One two three")),
      );
      await expect(late).rejects.toMatchObject({ code: "cancelled" });
    }
    await adapter.send(to, growing("One two three"));
    expect(lines(to)).toEqual(["bot#1» One two"]);
  });

  test("waits where Slack asks it to, and streams on", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    slack.fault({ kind: "ratelimited-200", method: "chat.appendStream", retryAfter: 1 });
    await expect(adapter.editing!.edit(at, growing("One two three four"))).rejects.toMatchObject({
      code: "rate_limited",
      retryAfterMs: 1000,
    });
    expect(lines(to)).toEqual(["bot#1» One two"]);
    slack.fault({ kind: "ratelimited-200", method: "chat.stopStream", retryAfter: 1 });
    await expect(adapter.editing!.edit(at, final("One two three four"))).rejects.toMatchObject({
      code: "rate_limited",
    });
    expect(slack.calls("chat.update")).toEqual([]);
  });

  test("shows its thread as at work until the run is over", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    await adapter.typing!.over!(to, false);
    expect(slack.session(to.chat, to.thread)?.status).toBe("active");
    await adapter.typing!.show(to);
    // The next run is at work by now.
    await adapter.editing!.edit(at, final("One two three"));
    expect(slack.session(to.chat, to.thread)?.status).toBe("processing");
  });

  test("releases its thread although nobody knew that it had begun", async () => {
    await open();
    const to = thread();
    slack.fault({ kind: "reset-after-applying", method: "chat.startStream" });
    await expect(adapter.send(to, growing("One two three"))).rejects.toMatchObject({ delivered: "unknown" });
    expect(slack.session(to.chat, to.thread)?.status).toBe("processing");
    await adapter.typing!.over!(to, false);
    expect(slack.session(to.chat, to.thread)?.status).toBe("active");
  });

  test("can be removed", async () => {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    await adapter.editing!.remove(at);
    expect(slack.botMessages(to.chat, to.thread)).toEqual([]);
  });
});

describe("what another process has begun to stream", () => {
  async function left(): Promise<{ to: ReplyTarget; at: SentMessage; other: PlatformAdapter }> {
    await open();
    const to = thread();
    const at = await adapter.send(to, growing("One two three"));
    const other = slackAt(slack);
    await other.connect(new AbortController().signal);
    return { to, at, other };
  }

  test.each(["growing", "whole"])("is ended and edited: %s", async (kind) => {
    const { to, at, other } = await left();
    await other.editing!.edit(at, kind === "whole" ? final("One two four") : growing("One two four", [], other));
    expect(only(to).shown.replace(/\n\[Stop\]$/, "")).toBe("One two four");
    expect(outcomes("chat.update")).toEqual(["streaming_state_conflict", "ok"]);
    await other.close();
  });

  test("is ended and removed", async () => {
    const { to, at, other } = await left();
    await other.editing!.remove(at);
    expect(slack.botMessages(to.chat, to.thread)).toEqual([]);
    await other.close();
  });

  test("is found if it is the only one, though it bears no mark; and by its mark when it has ended", async () => {
    const { to, at, other } = await left();
    expect(await other.marks!.find(to, "out_1")).toBe(null);
    expect(await other.marks!.find(to, "out_1", true)).toEqual(at);
    const second = await adapter.send(to, growing("Four five six"), "out_2");
    await expect(other.marks!.find(to, "out_1", true)).rejects.toMatchObject({ code: "unavailable" });
    await adapter.editing!.edit(second, final("Four five six"));
    expect(await other.marks!.find(to, "out_2", true)).toEqual(second);
    expect(await other.marks!.find(to, "out_1", true)).toEqual(at);
    await other.close();
  });
});

describe("an answer is posted and edited", () => {
  const whole = "bot#1: One two three\n    [Stop]";

  test("unless streams were asked for", async () => {
    await open({ stream: false });
    expect(adapter.nativeStream!.mayStream(thread())).toBe(false);
  });

  test("outside of threads of direct messages", async () => {
    await open();
    const channel = slack.channelNamed("general");
    const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question", mention: true });
    const inChannel = { ...thread(), chat: channel.id, thread: ts };
    expect(adapter.nativeStream!.mayStream(inChannel)).toBe(false);
    expect(adapter.nativeStream!.mayStream({ ...thread(), thread: "" })).toBe(false);
    expect(adapter.nativeStream!.mayStream(thread())).toBe(true);
    await adapter.send(inChannel, growing("One two three"));
    expect(slack.calls("chat.startStream")).toEqual([]);
  });

  test.each(["unknown_method", "method_deprecated", "feature_not_enabled"])(
    "where there are no streams (%s), and no second try is made",
    async (error) => {
      await open();
      const to = thread();
      slack.fault({ kind: "error", error, method: "chat.startStream" });
      await adapter.send(to, growing("One two three"));
      expect(lines(to)).toEqual([whole]);
      expect(adapter.nativeStream!.mayStream(thread())).toBe(false);
    },
  );

  test.each(["channel_type_not_supported", "missing_recipient_user_id"])(
    "in a channel that takes none (%s), and in no other",
    async (error) => {
      await open();
      const to = thread();
      slack.fault({ kind: "error", error, method: "chat.startStream" });
      await adapter.send(to, growing("One two three"));
      expect(lines(to)).toEqual([whole]);
      expect(adapter.nativeStream!.mayStream(to)).toBe(false);
      expect(adapter.nativeStream!.mayStream({ ...to, chat: "D2" })).toBe(true);
    },
  );

  test("where Slack has had enough of new streams for now", async () => {
    await open();
    const to = thread();
    slack.fault({ kind: "429", retryAfter: 1, method: "chat.startStream" });
    await adapter.send(to, growing("One two three"));
    expect(lines(to)).toEqual([whole]);
    expect(adapter.nativeStream!.mayStream(to)).toBe(true);
  });

  test("where more begin at once than Slack takes", async () => {
    await open({}, { limits: { ...NO_LIMITS, tier2: { burst: 6, refillMs: 60_000 } } });
    const places = Array.from({ length: 12 }, thread);
    const sent = await Promise.all(places.map((to) => adapter.send(to, growing("One two three"))));
    await Promise.all(sent.map((at) => adapter.editing!.edit(at, final("One two three four"))));
    expect(slack.calls("chat.startStream").length).toBeGreaterThan(3);
    expect(slack.rateLimited).toBe(0);
    for (const to of places) expect(only(to).shown).toBe("One two three four");
  });

  test("never besides a stream that may be there", async () => {
    await open();
    const to = thread();
    slack.fault({ kind: "reset-after-applying", method: "chat.startStream" });
    await expect(adapter.send(to, growing("One two three"))).rejects.toMatchObject({ delivered: "unknown" });
    expect(slack.calls("chat.postMessage")).toEqual([]);
    expect(await adapter.marks!.find(to, "out_1", true)).toMatchObject({ messageId: only(to).ts });
  });
});

test("what is planted in a tool's arguments is not live on its card", async () => {
  await open();
  const about = "<!channel> [x](https://evil.example/?k=v) ![y](https://evil.example/y.png) `<@U1>`";
  await adapter.send(thread(), growing("", [{ ...SEARCH, about }]));
  expect(slack.calls("chat.startStream")).toHaveLength(1);
  expect(slack.liveMentions()).toEqual([]);
});
