import { beforeAll, expect, test } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file, saying } from "../support/transcript.ts";

const scene = sceneOf({ slack: {} });
let running: RunningGateway;

beforeAll(async () => {
  await scene().set("feedback: on\n");
  running = await scene().start({ slack: "socket" });
  scene().model.script(saying({ capital: atOnce("The capital is **Berlin**.") }));
});

test("on Telegram people say by a press what they think of an answer, and in an answer why", async () => {
  const { telegram } = scene();
  const { user, chat } = scene().person("Ann");
  telegram.say({ chat, from: user, text: "What is the capital?" });
  const last = () => telegram.botMessages(chat).at(-1);
  const buttons = () => telegram.botMessages(chat)[0]?.keyboard?.inline_keyboard.flat() ?? [];
  const press = (label: string) => {
    const button = buttons().find(({ text }) => text === label)!;
    const data = "callback_data" in button ? button.callback_data : "";
    telegram.pressButton({ chat, from: user, messageId: telegram.botMessages(chat)[0]!.messageId, data });
  };
  const shows = (...labels: string[]) =>
    telegram.until(
      () =>
        buttons()
          .map(({ text }) => text)
          .join() === labels.join(),
    );
  await shows("👍", "👎");
  press("👍");
  await shows("👍 ✓", "👎");
  press("👎");
  await shows("👍", "👎 ✓");
  await telegram.until(() => last()?.text.startsWith("What was wrong") === true);
  telegram.say({ chat, from: user, text: "It was Bonn", replyTo: last()!.messageId });
  await telegram.until(() => last()?.text.startsWith("Thank you") === true);
  await expect(asRead(telegram.transcript(chat))).toMatchFileSnapshot(file("feedback-telegram"));
});

test("on Slack they do it by its own buttons, and say why in a form", async () => {
  const { slack } = scene();
  const user = slack.user("Ben");
  const channel = slack.dm(user);
  const { ts } = slack.say({ channel, user, text: "What is the capital?" });
  await slack.until(() => slack.botMessages(channel, ts)[0]?.shown.includes("[Bad answer]") === true);
  slack.press({ channel, user, ts: slack.botMessages(channel, ts)[0]!.ts, button: "Bad answer" });
  await slack.until(() => slack.journal.some(({ method }) => method === "views.open"));
  slack.sendForm({ user, text: "It was Bonn" });
  const reasons = async () => {
    const response = await fetch(`${running.url}/v1/feedback?rating=-1&since=7d&has_comment=true`, {
      headers: { authorization: `Bearer ${CANARIES.adminKey}` },
    });
    return (await response.json()) as Record<string, unknown>[];
  };
  await expect
    .poll(async () => (await reasons()).map(({ source }) => source), { timeout: 10_000 })
    .toEqual(["slack", "telegram"]);
  for (const each of await reasons()) {
    expect(each).toMatchObject({ comment: "It was Bonn", agent_id: "tester", rating: -1 });
    expect(each["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(each["card_version"]).toMatch(/^[0-9a-f]{16}$/);
  }
  await expect(asRead(slack.transcript(channel, ts))).toMatchFileSnapshot(file("feedback-slack"));
});
