import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { contentText } from "../fakes/model/script.ts";
import { onBothEngines, type Person, type Scene, turnOf } from "../support/e2e.ts";

onBothEngines({}, (scene) => {
  beforeAll(async () => {
    await scene().start();
  });

  test("ten messages within a second to a model that thinks: the first reaches it at once, all ten become one turn", async () => {
    const { model, telegram } = scene();
    const ann = scene().person("Ann");
    const stop = model.script((request) => (numbersIn(request).length < TEN.length ? SILENT : {}));
    const { requests, pauses } = await sayTen(scene(), ann);
    expect(numbersIn(requests[0]!)).toEqual([1]);
    const last = requests.at(-1)!;
    expect(numbersIn(last)).toEqual(TEN);
    expect(last.messages.filter(({ role }) => role === "assistant")).toEqual([]);
    // One for the first message, one for all when no more came; where the machine stood still it looked like a pause.
    expect(requests.length).toBeLessThanOrEqual(3 + pauses);
    expect(telegram.botMessages(ann.chat).map(({ text }) => text)).toEqual([last.sentText]);
    stop();
  });

  test("ten messages within a second to a model that speaks at once: two bot messages, the first one marked, nothing lost", async () => {
    const { model, telegram } = scene();
    const bob = scene().person("Bob");
    const stop = model.script((request) => {
      if (numbersIn(request).length === 1) return { chunkChars: 40, chunkEveryMs: NEVER_MS };
      return numbersIn(request).length < TEN.length ? SILENT : {};
    });
    const { requests } = await sayTen(scene(), bob, () => telegram.botMessages(bob.chat).length > 0);
    expect(numbersIn(requests[0]!)).toEqual([1]);
    const last = requests.at(-1)!;
    expect(numbersIn(last)).toEqual(TEN);
    const [first, second, ...others] = telegram.botMessages(bob.chat).map(({ text }) => text);
    expect(first).toMatch(/^You said: message 1\b[^]*\n\n⏹ Interrupted\.$/);
    expect(second).toBe(last.sentText);
    expect(others).toEqual([]);
    stop();
  });

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
      await model.until(() => model.requests.some((request) => turnOf(request) === `${start}\n\nrest`));
    }
    stop();
  });
});

const NEVER_MS = 600_000;
/** Says nothing while the test lasts. */
const SILENT = { ttftMs: NEVER_MS };
/** A gap this long may be taken for the end of a burst. */
const PAUSE_MS = 300;
const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/**
 * Ten messages of a person, as quick as one can press (those after the first when `seen`), and every request of the
 * model until the last is answered. `pauses`: how often there was a gap all the same.
 */
async function sayTen(
  scene: Scene,
  { chat, user }: Person,
  seen = () => true,
): Promise<{ requests: readonly JournalEntry[]; pauses: number }> {
  const { telegram, model } = scene;
  const before = model.requests.length;
  let pauses = 0;
  for (const no of TEN) {
    telegram.say({ chat, from: user, text: `message ${no}` });
    const saidAt = performance.now();
    if (no === 1) {
      // However busy this machine is: the next one comes when the model has the first.
      await model.until(() => model.requests.length > before);
      await telegram.until(seen);
    }
    if (no < 10) await sleep(90);
    if (performance.now() - saidAt > PAUSE_MS) pauses += 1;
  }
  const requests = () => model.requests.slice(before);
  await model.until(() => requests().some((request) => turnOf(request).includes("message 10")));
  const last = requests().find((request) => turnOf(request).includes("message 10"))!;
  await model.until(() => last.closedAt !== null);
  await scene.shows(chat, last.sentText);
  return { requests: requests(), pauses };
}

/** The numbers of the messages that a request holds, in its order. */
function numbersIn(request: JournalEntry): number[] {
  const said = request.messages.filter(({ role }) => role === "user").map(contentText);
  return [...said.join("\n").matchAll(/^message (\d+)$/gm)].map(([, no]) => Number(no));
}
