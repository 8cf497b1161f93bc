import { beforeAll, describe, expect, test } from "vitest";
import type { Script } from "../fakes/model/script.ts";
import type { FakeMessage } from "../fakes/slack/channels.ts";
import { type Scene, sceneOf } from "../support/e2e.ts";
import { HeldTools } from "../support/held-tools.ts";
import { asRead, atOnce, file, hangingAfter, inTwo } from "../support/transcript.ts";
import { SlackVoice } from "../support/voice.ts";

/** So that the chat shows each step before the next one. */
const STEP_MS = 2_500;
const TIMEOUT = { timeout: 90_000 };

describe("an answer in a direct message that streams in Slack's own way", () => {
  const scene = sceneOf({ slack: {}, env: { SLACK_STREAM: "true" } });
  const tools = new HeldTools("web_search", "read_page");
  beforeAll(async () => {
    await scene().start({ slack: "socket", tools: tools.source });
  });

  const open = (name: string) => {
    const user = scene().slack.user(name);
    return new SlackVoice(scene(), name, { channel: scene().slack.dm(user), user });
  };
  const message = ({ channel, thread }: SlackVoice): FakeMessage | undefined => {
    const [only, ...others] = scene().slack.botMessages(channel, thread ?? "");
    expect(others).toEqual([]);
    return only;
  };
  const shows = (voice: SlackVoice, text: string) =>
    voice.until(
      () =>
        message(voice)
          ?.shown.replaceAll(/[`\u200B]/g, "")
          .endsWith(text) === true,
      30_000,
    );
  const reads = (voice: SlackVoice, name: string) =>
    expect(asRead(scene().slack.transcript(voice.channel, voice.thread!))).toMatchFileSnapshot(file(name));

  test("shows its tools as cards, and stands whole in the end", TIMEOUT, async () => {
    const voice = open("Ann");
    says(scene(), [
      {
        toolCalls: [{ name: "web_search", args: { query: "weather in Rome" } }],
        ...atOnce("Let me look at the forecast."),
      },
      { toolCalls: [{ name: "read_page", args: { url: "https://weather.example/rome?key=abc" } }], text: "" },
      inTwo("It **will** rain in the evening,", " so take an umbrella."),
    ]);
    voice.say("will it rain in Rome?");
    await shows(voice, "Let me look at the forecast.\n[⏳ web search: weather in Rome]");
    expect(scene().slack.session(voice.channel, voice.thread!)?.status).toBe("processing");
    tools.end("web_search");
    await shows(voice, "[✓ web search: weather in Rome]\n[⏳ read page: weather.example/rome]");
    tools.fail("read_page");
    await shows(voice, "[✗ read page: weather.example/rome]");
    await shows(voice, "so take an umbrella.\n\n⚠️ No result from: read page.");
    await reads(voice, "slack-stream-tools");
    expect(scene().slack.session(voice.channel, voice.thread!)?.status).toBe("active");
  });

  test("is stopped by Slack's own button", TIMEOUT, async () => {
    const voice = open("Bob");
    scene().model.script(() => hangingAfter("Shall I compare thee to a summer's day?"));
    voice.say("write me a poem");
    await shows(voice, "Shall I compare thee to a summer's");
    scene().slack.stopSession({ channel: voice.channel, user: voice.user, thread: voice.thread! });
    await shows(voice, "Shall I compare thee to a summer's day?\n\n⏹ Stopped.");
    await reads(voice, "slack-stream-stop");
    expect(scene().slack.session(voice.channel, voice.thread!)?.status).toBe("active");
  });

  test("of several messages streams in each of them, one after the other", TIMEOUT, async () => {
    const voice = open("Cid");
    const text = Array.from({ length: 1_900 }, (_, index) => `word${index}`).join(" ");
    scene().model.script(() => ({ text, chunkChars: 400, chunkEveryMs: 150 }));
    const { slack } = scene();
    voice.say("a long one");
    const shown = () => slack.botMessages(voice.channel, voice.thread ?? "").map((each) => each.shown);
    await voice.until(() => shown().join(" ").replaceAll(/\s+/g, " ") === text, 60_000);
    expect(shown()).toHaveLength(2);
    const started = slack.calls("chat.startStream", voice.channel);
    expect(started.map(({ ts }) => ts)).toEqual(slack.botMessages(voice.channel, voice.thread).map(({ ts }) => ts));
    expect(slack.calls("chat.stopStream", voice.channel)).toHaveLength(2);
    expect(slack.calls("chat.postMessage", voice.channel)).toEqual([]);
  });

  test("is posted and edited in channels, with a button", TIMEOUT, async () => {
    const { slack } = scene();
    const user = slack.user("Dan");
    const voice = new SlackVoice(scene(), "Dan", { channel: slack.channelNamed("garden"), user });
    scene().model.script(() => hangingAfter("Shall I compare thee to a summer's day?"));
    voice.say("write me a poem");
    await shows(voice, "Shall I compare thee to a summer's day?\n[Stop]");
    slack.press({ channel: voice.channel, user, ts: message(voice)!.ts });
    await shows(voice, "⏹ Stopped.");
    expect(slack.calls("chat.startStream", voice.channel)).toEqual([]);
  });
});

/** What the model says and calls, step by step; a step is known by the results before it. */
function says(scene: Scene, steps: Script[]): void {
  scene.model.script(({ messages }) => {
    const step = messages.filter(({ role }) => role === "assistant").length;
    return { ttftMs: step === 0 ? 0 : STEP_MS, ...steps[step] };
  });
}
