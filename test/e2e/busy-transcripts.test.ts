import { afterEach, describe, expect, test } from "vitest";
import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import type { RunningGateway } from "../../src/main.ts";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { Script } from "../fakes/model/script.ts";
import { type Scene, sceneOf, turnOf } from "../support/e2e.ts";
import { HeldTools } from "../support/held-tools.ts";
import { asRead, atOnce, file } from "../support/transcript.ts";
import { lastTexts, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

/** So that the chat shows each step before the next one. */
const STEP_MS = 2_500;
const TIMEOUT = { timeout: 120_000 };

const LOOKS = "Let me look at the forecast.";
const ROME = "It will rain in Rome in the evening.";
const OSLO = "Oslo stays dry today, as far as I know.";
const BOTH = "Rain in Rome this evening, and Oslo stays dry.";

/** Ann in a private chat, and what is read there. */
interface Place {
  platform: string;
  voice: Voice;
  lines: () => string[];
}

function placesOf(scene: Scene): Place[] {
  const ann = scene.person("Ann");
  const user = scene.slack.user("Ann");
  const channel = scene.slack.dm(user);
  const onSlack = new SlackVoice(scene, "Ann", { channel, user });
  return [
    {
      platform: "telegram",
      voice: new TelegramVoice(scene, "Ann", ann),
      lines: () => scene.telegram.transcript(ann.chat),
    },
    {
      platform: "slack",
      voice: onSlack,
      lines: () => scene.slack.transcript(channel, onSlack.thread ?? undefined),
    },
  ];
}

describe("a second question while a tool runs", () => {
  const scene = sceneOf({ slack: {} });
  const tools = new HeldTools("web_search");
  let running: RunningGateway | null = null;
  afterEach(async () => {
    if (running) await scene().stop(running);
    running = null;
  });

  /** Both questions are asked on both platforms, and the tools for the first one still run. */
  async function asked(policy: BusyPolicy): Promise<Place[]> {
    running = await scene().start({ slack: "socket", tools: tools.source, env: { ON_BUSY: policy } });
    scene().model.script(answer);
    const places = placesOf(scene());
    for (const { voice } of places) voice.say("will it rain in Rome?");
    await see(places, 0, /^Let me look at the forecast\.\n\n⏳ web search: weather in Rome/u);
    for (const { voice } of places) voice.say("and in Oslo?");
    return places;
  }

  function endTools(): void {
    tools.end("web_search");
    tools.end("web_search");
  }

  /** `until`: how many lines people had read when something had surely happened before the rest. */
  async function read(policy: BusyPolicy, places: Place[], until: number[] = [0, 0]): Promise<void> {
    for (const [at, { platform, lines }] of places.entries()) {
      const all = lines();
      const cut = withoutTicks(all.slice(0, until[at])).length;
      const kept = numbered(withoutTicks(all));
      const parts = [kept.slice(0, cut), kept.slice(cut)].filter((part) => part.length > 0);
      await expect(parts.map(asRead).join("")).toMatchFileSnapshot(file(`busy-${policy}-${platform}`));
    }
  }

  test("interrupts it", TIMEOUT, async () => {
    const places = await asked("interrupt");
    await see(places, 0, /⏹ Interrupted\.$/u);
    await end(places, OSLO);
    await read("interrupt", places);
  });

  test("joins it", TIMEOUT, async () => {
    const places = await asked("steer");
    // A later look of the same gateway at the same talk: by then it knows of what waits.
    await see(places, 0, / · (?:5|1\d) s$/);
    endTools();
    await see(places, 0, /✓ web search: weather in Rome · \d+ s$/u);
    await see(places, 1, /^↪ Taken/u);
    const joined = places.map(({ lines }) => lines().length);
    await end(places, `${LOOKS}\n\n${BOTH}`);
    await read("steer", places, joined);
  });

  test("waits for its end", TIMEOUT, async () => {
    const places = await asked("queue");
    await see(places, 1, /^⏳ I answer this/u);
    const told = places.map(({ lines }) => lines().length);
    endTools();
    await end(places, OSLO);
    for (const { voice } of places) {
      await voice.until(() => lastTexts(voice).join("|") === `${LOOKS}\n\n${ROME}|${OSLO}`, 30_000);
    }
    await read("queue", places, told);
  });

  test("is answered beside it", TIMEOUT, async () => {
    const places = await asked("parallel");
    await end(places, OSLO);
    const beside = places.map(({ lines }) => lines().length);
    endTools();
    await end(places, `${LOOKS}\n\n${ROME}`);
    await read("parallel", places, beside);
  });

  test("is refused", TIMEOUT, async () => {
    const places = await asked("reject");
    await see(places, 1, /^✋ I am still answering/u);
    const told = places.map(({ lines }) => lines().length);
    endTools();
    await end(places, `${LOOKS}\n\n${ROME}`);
    await read("reject", places, told);
  });
});

function answer(request: JournalEntry): Script {
  // Between results and what the person says next stands a word that some providers want there.
  const said = request.messages.filter(({ content }) => content !== "[not answered]");
  const [before, last] = said.slice(-2);
  if (turnOf(request).includes("Oslo")) {
    const joins = before?.role === "tool" && before.content === "done";
    return joins ? { ...atOnce(BOTH), ttftMs: STEP_MS } : atOnce(OSLO);
  }
  if (last?.role === "tool") return { ...atOnce(ROME), ttftMs: STEP_MS };
  const call = { name: "web_search", args: { query: "weather in Rome" } };
  return { ...atOnce(LOOKS), toolCalls: [call], ttftMs: STEP_MS };
}

/** The bot's messages by their order in this talk, whatever it said in others. */
function numbered(lines: string[]): string[] {
  const known: string[] = [];
  return lines.map((line) =>
    line.replace(/^bot#\d+/, (who) => {
      if (!known.includes(who)) known.push(who);
      return `bot#${known.indexOf(who) + 1}`;
    }),
  );
}

/** How long something took, and how often one saw that it still goes on, differs from run to run. */
function withoutTicks(lines: string[]): string[] {
  const last = new Map<string, string>();
  return lines
    .map((line) => line.replaceAll(/(⏳.*) · \d+ s\b/gu, "$1").replaceAll(/\d+ s\b/g, "<n> s"))
    .filter((line) => {
      const [, who = "", said = ""] = /^(bot#\d+)[:~ ]([^]*)$/.exec(line) ?? [];
      if (who !== "" && last.get(who) === said) return false;
      last.set(who, said);
      return true;
    });
}

/** The bot's n-th message reads so, at each place. */
async function see(places: Place[], n: number, text: RegExp): Promise<void> {
  for (const { voice } of places) await voice.until(() => text.test(plain(lastTexts(voice)[n] ?? "")), 30_000);
}

/** As it is read: Slack's fake shows code as it is written, and signs without width stand between others. */
function plain(shown: string): string {
  return shown.replaceAll(/[`\u200B]/g, "");
}

/** An answer is whole at each place, and has no button any more. */
async function end(places: Place[], text: string): Promise<void> {
  for (const { voice, lines } of places) {
    const isWhole = () => {
      const last = lines().findLast((line) => line.replaceAll("\n    ", "\n").includes(text));
      return last !== undefined && !last.endsWith("[Stop]");
    };
    await voice.until(() => lastTexts(voice).includes(text) && isWhole(), 30_000);
  }
}
