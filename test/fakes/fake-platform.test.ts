import { expect, test } from "vitest";
import { platformAdapterContract } from "../contract/platform-adapter.ts";
import { FakePlatform } from "./fake-platform.ts";

platformAdapterContract("FakePlatform", () => {
  const platform = new FakePlatform({ textLimit: 200 });
  let held = 0;
  return Promise.resolve({
    adapter: platform,
    chat: "7",
    textLimit: 200,
    secrets: [],
    start: (accept, signal) => platform.start(accept, signal),
    say: (text) => {
      held += 1;
      void (async () => {
        await platform.listening();
        await platform.say({ chat: "7", from: "ann", text }).catch(() => platform.deliver(platform.said.at(-1)!));
        held -= 1;
      })();
    },
    unacknowledged: () => held,
    shown: () => platform.messages("7").map((it) => it.text),
    refuse: (call, retryAfterMs) => platform.failNext({ call, code: "rate_limited", retryAfterMs }),
    loseAnswer: (call) => platform.failNext({ call, code: "unavailable", applied: true }),
    close: () => Promise.resolve(),
  });
});

const NEVER = new AbortController().signal;

async function started(): Promise<FakePlatform> {
  const platform = new FakePlatform({ now: () => 1000 });
  void platform.start(() => Promise.resolve(), NEVER);
  await platform.listening();
  return platform;
}

test("the transcript reads as a chat", async () => {
  const platform = await started();
  await platform.say({ chat: "7", from: "1", name: "ann", text: "hi" });
  const to = { account: platform.account, chat: "7", thread: "", replyTo: null };
  const first = await platform.send(to, { text: "He" });
  await platform.editing.edit(first, { text: "Hello" });
  await platform.editing.remove(await platform.send(to, { text: "a draft" }));
  await platform.say({ chat: "8", from: "2", name: "bob", text: "/stop now" });
  expect(platform.transcript("7")).toBe("ann: hi\nbot#1: He\nbot#1~ Hello\nbot#2: a draft\nbot#2 removed");
  expect(platform.transcript()).toContain("[8] bob: /stop now");
  expect(platform.said.at(-1)).toMatchObject({ kind: "command", command: "stop", args: "now", writtenAt: 1000 });
});

test("held calls are applied at the release only", async () => {
  const platform = await started();
  platform.hold();
  const sending = platform.send({ account: platform.account, chat: "7", thread: "t", replyTo: null }, { text: "hi" });
  await Promise.resolve();
  expect(platform.waiting).toBe(1);
  expect(platform.messages("7")).toEqual([]);
  platform.release();
  await sending;
  expect(platform.messages("7", "t")).toMatchObject([{ text: "hi", thread: "t" }]);
});

test("a fault hits the calls and the chat it is meant for", async () => {
  const platform = await started();
  const to = { account: platform.account, chat: "7", thread: "", replyTo: null };
  platform.failNext({ code: "forbidden", place: { kind: "gone" }, chat: "8", times: 2 });
  await platform.send(to, { text: "hi" });
  const refusal = { code: "forbidden", delivered: "no", place: { kind: "gone" } };
  await expect(platform.send({ ...to, chat: "8" }, { text: "hi" })).rejects.toMatchObject(refusal);
  await expect(platform.send({ ...to, chat: "8" }, { text: "hi" })).rejects.toMatchObject(refusal);
  await platform.send({ ...to, chat: "8" }, { text: "hi" });
});
