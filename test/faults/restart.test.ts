import { expect, it } from "vitest";
import { contentText } from "../fakes/model/script.ts";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo, measured, shortenings, shownAt } from "../support/chaos/verdict.ts";

const WORDS = 40;
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };
/** The second attempt speaks at once: what is measured is the restart, not the length of the answer. */
const QUICK = { chunkChars: 10_000 };

for (const engine of ["postgres", "embedded"] as const) {
  const name = engine === "postgres" ? "Postgres" : "PGlite";

  it(`fault-01: completes the same message within 5 s of being up again as the only replica, on ${name}`, async () => {
    const stage = await Stage.open({ engine, model: SLOW });
    const first = await stage.start("only");
    const ann = stage.telegram.user(7, "Ann");
    const chat = stage.telegram.privateChat(ann);
    stage.telegram.say({ chat, from: ann, text: "one" });
    const message = await stage.botMessage(chat);
    await stage.telegram.until(() => message.versions.length === 2);
    await first.process.kill();
    const quick = stage.model.script(() => QUICK);
    const { process: second } = await stage.start("only", { waitReady: false });

    const whole = answerTo("one", WORDS);
    await stage.telegram.until(() => message.text === whole, 20_000);
    measured(`${name}, spawn to the whole answer`, shownAt(message, whole) - second.spawnedAt);
    // How long a process takes to start is the machine's matter, and measured elsewhere.
    const upAt = stage.telegram.journal.find(({ at }) => at > second.spawnedAt)!.at;
    expect(shownAt(message, whole) - upAt, "ms from its first call to the whole answer").toBeLessThan(5_000);
    expect(stage.telegram.botMessages(chat)).toEqual([message]);
    expect(shortenings(message)).toEqual([]);

    quick();
    stage.telegram.say({ chat, from: ann, text: "two" });
    const next = await stage.botMessage(chat, 1);
    await stage.telegram.until(() => next.text === answerTo("two", WORDS));
    const said = stage
      .asked("two")[0]!
      .messages.filter(({ role }) => role !== "system")
      .map((each) => contentText(each));
    expect(said).toEqual(["one", whole, "two"]);
    expect(await second.terminate()).toBe(0);
  });
}
