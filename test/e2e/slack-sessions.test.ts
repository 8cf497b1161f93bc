import { beforeAll, expect, test } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { sceneOf } from "../support/e2e.ts";
import { atOnce, hangingAfter, saying } from "../support/transcript.ts";
import { lastTexts, SlackVoice } from "../support/voice.ts";

const scene = sceneOf({ slack: {} });
let first: RunningGateway;
beforeAll(async () => {
  first = await scene().start({ slack: "socket" });
});

let names = 0;
function ann(): SlackVoice {
  const user = scene().slack.user(`Ann${++names}`);
  return new SlackVoice(scene(), user.name, { channel: scene().slack.dm(user), user });
}

const session = ({ channel, thread }: SlackVoice) => scene().slack.session(channel, thread!)?.status;
const shows = (voice: SlackVoice, text: string) => voice.until(() => lastTexts(voice).includes(text), 30_000);
const is = (voice: SlackVoice, status: string) => voice.until(() => session(voice) === status, 30_000);

test("Slack's own Stop stands beside an answer while it is written, and not after it, however it ends", async () => {
  const { slack, model } = scene();
  const voice = ann();
  model.script(
    saying({
      "a poem": hangingAfter("Shall I compare thee to a summer's day?"),
      "something short": atOnce("Something short."),
      "a story": hangingAfter("Once upon a time there was a fox"),
    }),
  );
  voice.say("a poem");
  await shows(voice, "Shall I compare thee to a summer's day?");
  expect(session(voice)).toBe("processing");
  slack.stopSession({ channel: voice.channel, user: voice.user, thread: voice.thread! });
  await shows(voice, "Shall I compare thee to a summer's day?\n\n⏹ Stopped.");
  await is(voice, "active");
  voice.say("a story");
  await shows(voice, "Once upon a time there was a fox");
  expect(session(voice)).toBe("processing");
  voice.say("something short");
  await shows(voice, "Something short.");
  await is(voice, "active");
});

test("another replica that finishes an answer ends it too", async () => {
  const { model } = scene();
  const voice = ann();
  let asked = 0;
  model.script(() =>
    asked++ === 0 ? hangingAfter("It begins here, and another") : atOnce("It begins here, and another ends it."),
  );
  voice.say("who ends it?");
  await shows(voice, "It begins here, and another");
  expect(session(voice)).toBe("processing");
  await scene().start({ slack: "socket" });
  await scene().stop(first);
  await shows(voice, "It begins here, and another ends it.");
  await is(voice, "active");
});
