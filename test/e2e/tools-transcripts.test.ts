import { beforeAll, describe, expect, test } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import type { Script, ScriptedCall } from "../fakes/model/script.ts";
import { type Scene, sceneOf } from "../support/e2e.ts";
import { HeldTools } from "../support/held-tools.ts";
import { asRead, atOnce, file, inTwo } from "../support/transcript.ts";
import { lastTexts, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

/** So that the chat shows each step before the next one. */
const STEP_MS = 2_500;
const TIMEOUT = { timeout: 120_000 };

/** Somebody in a private chat, what happens there, and how they stop an answer. */
interface Place {
  voice: Voice;
  lines(): string[];
  stop(): void;
  /** Messages of the bot after a stop: a command has an answer of its own, a button has none. */
  afterStop: number;
}

const PLACES: Record<string, (scene: Scene) => Place> = {
  telegram: (scene) => {
    const ann = scene.person("Ann");
    const voice = new TelegramVoice(scene, "Ann", ann);
    return { voice, lines: () => scene.telegram.transcript(ann.chat), stop: () => voice.say("/stop"), afterStop: 2 };
  },
  slack: (scene) => {
    const user = scene.slack.user("Ann");
    const channel = scene.slack.dm(user);
    const voice = new SlackVoice(scene, "Ann", { channel, user });
    const stop = () => {
      const { ts } = scene.slack.botMessages(channel, voice.thread).at(-1)!;
      scene.slack.press({ channel, user, ts });
    };
    // One message of the bot in each thread, whatever was said in others before.
    const numbered = (line: string) => line.replace(/^bot#\d+/, "bot#1");
    const lines = () => scene.slack.transcript(channel, voice.thread ?? undefined).map(numbered);
    return { voice, lines, stop, afterStop: 1 };
  },
};

describe.each(Object.keys(PLACES))("what people see of tools on %s", (platform) => {
  const scene = sceneOf({ slack: {} });
  const tools = new HeldTools("web_search", "read_page", "send_mail");
  let running: RunningGateway;
  beforeAll(async () => {
    running = await scene().start({ slack: "socket", tools: tools.source });
  });

  const open = () => PLACES[platform]!(scene());
  const reads = async (name: string, place: Place) => {
    await expect(asRead(withoutTicks(place.lines()))).toMatchFileSnapshot(file(`${platform}-${name}`));
  };

  test("one after the other, and some at once of which one fails", TIMEOUT, async () => {
    const place = open();
    const { voice } = place;
    says(scene(), [
      {
        ...calling({ name: "web_search", args: { query: "weather in Rome" } }),
        ...atOnce("Let me look at the forecast."),
      },
      calling(
        { name: "read_page", args: { url: "https://weather.example/rome?key=abc" } },
        { name: "send_mail", args: { to: "bob@example.com", password: "hunter2" } },
      ),
      inTwo("It will rain in the evening,", " so take an umbrella."),
    ]);
    voice.say("will it rain in Rome?");
    await sees(voice, "Let me look at the forecast.\n\n⏳ web search: weather in Rome");
    await sees(voice, "Let me look at the forecast.\n\n⏳ web search: weather in Rome · 5 s");
    tools.end("web_search");
    await sees(voice, /✓ web search: weather in Rome · \d+ s$/);
    await sees(voice, /⏳ read page: weather.example\/rome(?: · \d+ s)?\n⏳ send mail: bob@example.com(?: · \d+ s)?$/);
    tools.fail("send_mail");
    await sees(voice, /⏳ read page: weather.example\/rome(?: · \d+ s)?\n✗ send mail: bob@example.com(?: · \d+ s)?$/);
    tools.end("read_page");
    await sees(voice, /✓ read page: weather.example\/rome(?: · \d+ s)?\n✗ send mail: bob@example.com(?: · \d+ s)?$/);
    await sees(voice, /It will rain in the evening,\n\n🔧 3 tools, \d+ s$/u);
    await ends(place, /so take an umbrella\.\n\n⚠️ No result from: send mail\.$/u);
    await reads("tools", place);
  });

  test("a stop while one works", TIMEOUT, async () => {
    const place = open();
    says(scene(), [calling({ name: "web_search", args: { query: "weather in Rome" } })]);
    place.voice.say("will it rain in Rome?");
    await sees(place.voice, "⏳ web search: weather in Rome");
    place.stop();
    const stopped = Array.from({ length: place.afterStop }, () => "⏹ Stopped.").join();
    await place.voice.until(() => lastTexts(place.voice).join() === stopped, 30_000);
    await ends(place, "⏹ Stopped.");
    await reads("tools-stop", place);
  });

  test("what is planted in one is not live", TIMEOUT, async () => {
    const place = open();
    const query = "@channel <!here> [x](https://evil.example/?leak=1) ![y](https://evil.example/a.png)";
    says(scene(), [calling({ name: "web_search", args: { query } }), atOnce("There is nothing of that kind.")]);
    place.voice.say("look for it");
    await sees(place.voice, /^⏳ web search: @channel <!here> \[x\]\(evil\.example/);
    expect(scene().slack.liveMentions()).toEqual([]);
    expect(scene().sentToPeople.filter((sent) => sent.includes("leak=1"))).toEqual([]);
    tools.end("web_search");
    await ends(place, "There is nothing of that kind.");
  });

  test("another gateway takes over while one works", TIMEOUT, async () => {
    const place = open();
    says(scene(), [
      {
        ...calling({ name: "web_search", args: { query: "weather in Rome" } }),
        ...atOnce("Let me look at the forecast."),
      },
      atOnce("It will rain in the evening."),
    ]);
    place.voice.say("will it rain in Rome?");
    await sees(place.voice, "Let me look at the forecast.\n\n⏳ web search: weather in Rome");
    await scene().start({ slack: "socket", tools: tools.source });
    const before = tools.source.calls.length;
    await scene().stop(running);
    await place.voice.until(() => tools.source.calls.length > before, 30_000);
    tools.end("web_search");
    await ends(place, "Let me look at the forecast.\n\nIt will rain in the evening.");
    expect(place.voice.shown()).toHaveLength(1);
  });
});

/** How long something took, and how often one saw that it still goes on, differs from run to run. */
function withoutTicks(lines: string[]): string[] {
  const masked = lines.map((line) =>
    line.replaceAll(/((?:⏳|mail|page).*) · \d+ s\b/gu, "$1").replaceAll(/\d+ s\b/g, "<n> s"),
  );
  return masked.filter((line, index) => line.replace("~", ":") !== masked[index - 1]?.replace("~", ":"));
}

function calling(...toolCalls: ScriptedCall[]): Script {
  return { toolCalls, text: "", ttftMs: STEP_MS };
}

/** What the model says and calls, step by step; a step is known by the results before it. */
function says(scene: Scene, steps: Script[]): void {
  scene.model.script(({ messages }) => {
    const since = messages.findLastIndex(({ role }) => role === "user");
    const step = messages.slice(since).filter(({ role }) => role === "assistant").length;
    return { ttftMs: step === 0 ? 0 : STEP_MS, ...steps[step] };
  });
}

async function sees(voice: Voice, text: string | RegExp): Promise<void> {
  const fits = (shown = "") => (typeof text === "string" ? plain(shown) === text : text.test(plain(shown)));
  await voice.until(() => fits(lastTexts(voice).at(-1)), 30_000);
}

/** As it is read: Slack's fake shows code as it is written, and signs without width stand between others. */
function plain(shown: string): string {
  return shown.replaceAll(/[`\u200B]/g, "");
}

/** The answer is whole, and no button is left. */
async function ends(place: Place, text: string | RegExp): Promise<void> {
  await sees(place.voice, text);
  await place.voice.until(() => !place.lines().at(-1)?.endsWith("[Stop]"), 30_000);
}
