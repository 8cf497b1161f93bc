import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
import { type ConnectedSlack, connectSlack } from "./start-slack.ts";

let slack: FakeSlack;
let adapter: PlatformAdapter;
let close: ConnectedSlack["close"];

beforeEach(async () => {
  ({ slack, adapter, close } = await connectSlack({ limits: "off" }));
});
afterEach(() => close());

/** A thread in a channel, begun by somebody. */
function thread(): ReplyTarget {
  const channel = slack.channelNamed("general");
  const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question", mention: true });
  return { account: adapter.account, chat: channel.id, thread: ts, replyTo: null };
}

describe("whatever a model writes", () => {
  test("security-23: no mention, link or name of a model becomes live, in a post, an edit or a command's answer", async () => {
    const text =
      "<!channel> <!here> <@U1> <#C1> <!subteam^S1> <https://evil.example|Slack> ![x](https://evil.example/?k=v)";
    const to = thread();
    const [page] = adapter.render(text);
    const at = await adapter.send(to, page!);
    await adapter.editing!.edit(at, page!);
    await adapter.editing!.edit(at, { text });
    const { responseUrl } = slack.slash({ channel: to.chat, user: slack.user("ann"), command: "/parley status" });
    await adapter.send({ ...to, replyTo: responseUrl }, { text });
    expect(slack.liveMentions()).toEqual([]);
    expect(slack.ephemerals(to.chat).length).toBe(1);
  });

  test("goes without formatting when Slack does not take its blocks", async () => {
    const to = thread();
    slack.fault({ kind: "error", error: "invalid_blocks", method: "chat.postMessage" });
    const at = await adapter.send(to, adapter.render("one **two** <!channel>")[0]!);
    slack.fault({ kind: "error", error: "invalid_blocks", method: "chat.update" });
    await adapter.editing!.edit(at, adapter.render("one **two** three")[0]!);
    const [message] = slack.botMessages(to.chat, to.thread);
    expect(message?.shown).toContain("three");
    expect(slack.botMessages(to.chat).length).toBe(1);
    expect(slack.liveMentions()).toEqual([]);
  });

  test("what goes without formatting can still be stopped", async () => {
    const to = thread();
    const page = adapter.buttons!.withStop(adapter.render("one **two**")[0]!, "stop:run_1", "Stop");
    slack.fault({ kind: "error", error: "invalid_blocks", method: "chat.postMessage" });
    const at = await adapter.send(to, page);
    slack.fault({ kind: "error", error: "invalid_blocks", method: "chat.update" });
    await adapter.editing!.edit(at, page);
    for (const method of ["chat.postMessage", "chat.update"]) {
      expect(slack.calls(method).at(-1)?.args["blocks"]).toMatch(/"type":"section".*"value":"stop:run_1"/);
    }
  });

  test("a long page goes without formatting as a whole", async () => {
    const to = thread();
    const [page] = adapter.render("a long word ".repeat(900));
    slack.fault({ kind: "error", error: "invalid_blocks", method: "chat.postMessage" });
    const at = await adapter.send(to, page!);
    slack.fault({ kind: "error", error: "invalid_blocks", method: "chat.update" });
    await adapter.editing!.edit(at, page!);
    expect(slack.botMessages(to.chat)[0]?.shown.replaceAll(/\s+/g, "")).toBe(page!.text.replaceAll(/\s+/g, ""));
  });
});
