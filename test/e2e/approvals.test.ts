import { beforeAll, expect, test } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { contentText, type Script } from "../fakes/model/script.ts";
import { type ScriptedTools, scriptedTools } from "../fakes/scripted-tools.ts";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file } from "../support/transcript.ts";
import { lastTexts, SlackVoice, TelegramVoice } from "../support/voice.ts";

const scene = sceneOf({ slack: {} });
let running: RunningGateway;
let tools: ScriptedTools;
let group: ReturnType<ReturnType<typeof scene>["telegram"]["group"]>;
let channel: ReturnType<ReturnType<typeof scene>["slack"]["channelNamed"]>;

beforeAll(async () => {
  const { telegram, slack } = scene();
  group = telegram.group(-7011, "the team");
  channel = slack.channelNamed("team");
  await scene().set(`
agents: { tester: { approvals: { send_mail: ask } } }
places:
  "telegram:${group.id}": { offer: ["*"] }
  "slack:${slack.team.id}:${channel.id}": { offer: ["*"] }
`);
  tools = scriptedTools({ send_mail: { answer: "sent", readOnly: false } });
  running = await scene().start({ slack: "socket", tools });
  scene().model.script(({ messages }): Script => {
    const last = messages.at(-1);
    if (last?.role !== "tool") {
      const args = { to: "all@example.com", text: "Lunch at 12? @channel" };
      return { ...atOnce("To all, then."), toolCalls: [{ name: "send_mail", args }] };
    }
    return atOnce(/Not called/.test(contentText(last)) ? "Then I do not send it." : "It is sent.");
  });
});

const PLACES = {
  telegram() {
    const { telegram } = scene();
    const people = ["Ann", "Bob"].map((name) => scene().person(name).user);
    const at = () => telegram.botMessages(group).findLast(({ keyboard }) => keyboard !== null)!;
    return {
      voice: new TelegramVoice(scene(), "Ann", { chat: group, user: people[0]! }),
      press(who: number, label: string) {
        const button = at()
          .keyboard!.inline_keyboard.flat()
          .find(({ text }) => text === label)!;
        const data = "callback_data" in button ? button.callback_data : "";
        telegram.pressButton({ chat: group, from: people[who]!, messageId: at().messageId, data });
      },
      heard: () => telegram.until(() => telegram.pendingUpdates() === 0),
      lines: () => telegram.transcript(group),
    };
  },
  slack() {
    const { slack } = scene();
    const people = ["Ann", "Bob"].map((name) => slack.user(name));
    const voice = new SlackVoice(scene(), "Ann", { channel, user: people[0]! });
    return {
      voice,
      press(who: number, label: string) {
        const { ts } = slack.botMessages(channel, voice.thread).findLast(({ shown }) => shown.includes(`[${label}]`))!;
        slack.press({ channel, user: people[who]!, ts, button: label });
      },
      heard: () => slack.until(() => slack.transcript(channel).some((line) => line.includes("(only Bob)"))),
      lines: () => slack.transcript(channel),
    };
  },
};

test(
  "a call asks first: a stranger's press does nothing, a restart forgets nothing",
  { timeout: 120_000 },
  async () => {
    const places = Object.entries(PLACES).map(([platform, open]) => ({ platform, ...open() }));
    const all = (pattern: RegExp) =>
      Promise.all(
        places.map(({ voice }) => voice.until(() => lastTexts(voice).some((text) => pattern.test(text)), 30_000)),
      );
    for (const { voice } of places) voice.say("ask all to lunch");
    await all(/decide within/);
    for (const place of places) {
      place.press(1, "Approve");
      await place.heard();
    }
    await scene().stop(running);
    expect(tools.calls).toEqual([]);
    running = await scene().start({ slack: "socket", tools });
    for (const place of places) place.press(0, "Approve");
    await all(/It is sent\.$/);
    expect(tools.calls.map(({ args }) => JSON.parse(args))).toEqual(
      places.map(() => ({ to: "all@example.com", text: "Lunch at 12? @channel" })),
    );
    for (const { voice } of places) voice.say("and once more");
    await all(/decide within/);
    for (const place of places) place.press(0, "Deny");
    await all(/Then I do not send it\.$/);
    expect(tools.calls).toHaveLength(places.length);
    for (const { platform, voice, lines } of places) {
      await voice.until(() => lastTexts(voice).some((text) => /Denied by/.test(text)), 30_000);
      await voice.until(() => !lastTexts(voice).includes("To all, then."), 30_000);
      await expect(asRead(steady(lines()))).toMatchFileSnapshot(file(`${platform}-approvals`));
    }
  },
);

/** How far an answer was seen while it grew is chance. */
function steady(lines: string[]): string[] {
  const kept = lines.filter((line) => !line.endsWith("[Stop]") && !line.includes("🔧"));
  const known = new Set<string>();
  return kept.map((line) => {
    const bot = /bot#\d+/.exec(line)?.[0] ?? "";
    const isFirst = bot !== "" && !known.has(bot);
    known.add(bot);
    return isFirst ? line.replace(`${bot}~`, `${bot}:`) : line;
  });
}
