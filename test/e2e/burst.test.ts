import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { contentText } from "../fakes/model/script.ts";
import { onBothEngines, type Scene, turnOf } from "../support/e2e.ts";
import { lastTexts, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

/** Somebody new, in private or, on Slack, in a thread that others read too. */
const VOICES: Record<string, (scene: Scene) => Voice> = {
  "on Telegram": (scene) => new TelegramVoice(scene, "Ann", scene.person("Ann")),
  "in a thread of a Slack channel": (scene) => {
    const { slack } = scene;
    const name = `ann${(people += 1)}`;
    return new SlackVoice(scene, name, { channel: slack.channelNamed(`of ${name}`), user: slack.user(name) });
  },
  "in a direct message on Slack": (scene) => {
    const user = scene.slack.user(`bea${(people += 1)}`);
    return new SlackVoice(scene, user.name, { channel: scene.slack.dm(user), user });
  },
};
let people = 0;

onBothEngines({ slack: {} }, (scene) => {
  beforeAll(async () => {
    await scene().start({ slack: "socket" });
  });

  test.each(Object.keys(VOICES))(
    "ten messages within a second %s to a model that thinks: the first reaches it at once, all ten become one turn",
    async (where) => {
      const { model } = scene();
      const voice = VOICES[where]!(scene());
      const stop = model.script((request) => (numbersIn(request).length < TEN.length ? SILENT : {}));
      const { requests, pauses } = await sayTen(scene(), voice);
      expect(numbersIn(requests[0]!)).toEqual([1]);
      const last = requests.at(-1)!;
      expect(numbersIn(last)).toEqual(TEN);
      expect(last.messages.filter(({ role }) => role === "assistant")).toEqual([]);
      // One for the first message, one for all when no more came; where the machine stood still it looked like a pause.
      expect(requests.length).toBeLessThanOrEqual(3 + pauses);
      expect(lastTexts(voice)).toEqual([last.sentText]);
      stop();
    },
  );

  test.each(Object.keys(VOICES))(
    "ten messages within a second %s to a model that speaks at once: two bot messages, the first one marked, nothing lost",
    async (where) => {
      const { model } = scene();
      const voice = VOICES[where]!(scene());
      const stop = model.script((request) => {
        if (numbersIn(request).length === 1) return { chunkChars: 40, chunkEveryMs: NEVER_MS };
        return numbersIn(request).length < TEN.length ? SILENT : {};
      });
      const { requests } = await sayTen(scene(), voice, () => voice.shown().length > 0);
      expect(numbersIn(requests[0]!)).toEqual([1]);
      const last = requests.at(-1)!;
      expect(numbersIn(last)).toEqual(TEN);
      await voice.until(() => lastTexts(voice)[0]!.endsWith("Interrupted."), 15_000);
      const [first, second, ...others] = lastTexts(voice);
      expect(first).toMatch(/^You said: (\[\w+\] )?message 1\b[^]*\n\n⏹ Interrupted\.$/);
      expect(second).toBe(last.sentText);
      expect(others).toEqual([]);
      stop();
    },
  );

  test("a single message is never delayed by what waits for the rest of a burst", async () => {
    const { model, telegram } = scene();
    const dora = scene().person("Dora");
    const stop = model.script((request) => (/^start \d+ x+$/.test(turnOf(request)) ? SILENT : undefined));
    for (let no = 1, quick = false; !quick; no += 1) {
      const carl = scene().person(`Carl ${no}`);
      // The app of the person cut a long text at 4096 characters, so its rest may follow for 1.5 s.
      const start = `start ${no} ${"x".repeat(4_050)}`;
      const saidAt = performance.now();
      telegram.say({ chat: carl.chat, from: carl.user, text: start });
      await scene().ask(dora.chat, dora.user, `just one ${no}`);
      const begun = model.requests.filter((request) => turnOf(request).includes(start));
      // Where the machine stood still for that long, nothing is shown.
      quick = performance.now() - saidAt < 1_200;
      if (quick) expect(begun).toEqual([]);
      telegram.say({ chat: carl.chat, from: carl.user, text: "rest" });
      await model.until(() => model.requests.some((request) => turnOf(request) === `${start}rest`));
    }
    stop();
  });
});

const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const NEVER_MS = 600_000;
/** Says nothing while the test lasts. */
const SILENT = { ttftMs: NEVER_MS };
/** A gap this long may be taken for the end of a burst. */
const PAUSE_MS = 300;

/**
 * Ten messages of a person, as quick as one can press (those after the first when `seen`), and every request of the
 * model until the last is answered. `pauses`: how often there was a gap all the same.
 */
async function sayTen(
  scene: Scene,
  voice: Voice,
  seen = () => true,
): Promise<{ requests: readonly JournalEntry[]; pauses: number }> {
  const { model } = scene;
  const before = model.requests.length;
  let pauses = 0;
  for (const no of TEN) {
    const saidAt = performance.now();
    voice.say(`message ${no}`);
    if (no === 1) {
      // However busy this machine is: the next one comes when the model has the first.
      await model.until(() => model.requests.length > before);
      await voice.until(seen);
    }
    if (no < 10) await sleep(90);
    if (performance.now() - saidAt > PAUSE_MS) pauses += 1;
  }
  const requests = () => model.requests.slice(before);
  await model.until(() => requests().some((request) => turnOf(request).includes("message 10")));
  const last = requests().find((request) => turnOf(request).includes("message 10"))!;
  await model.until(() => last.closedAt !== null);
  await voice.until(() => lastTexts(voice).includes(last.sentText), 30_000);
  return { requests: requests(), pauses };
}

/** The numbers of the messages that a request holds, in its order. */
function numbersIn(request: JournalEntry): number[] {
  const said = request.messages.filter(({ role }) => role === "user").map(contentText);
  return [...said.join("\n").matchAll(/^(?:\[\w+\] )?message (\d+)$/gm)].map(([, no]) => Number(no));
}
