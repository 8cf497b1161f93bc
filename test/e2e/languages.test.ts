import { beforeAll, describe, expect, test } from "vitest";
import { type Person, type Scene, sceneOf } from "../support/e2e.ts";
import { atOnce, chatInTheEnd, file, hangingAfter, inTwo, saying } from "../support/transcript.ts";

/** As Telegram's apps name them: https://core.telegram.org/bots/api#user, language_code. */
const LANGUAGES = [
  ["en", "Nothing is running."],
  ["ru", "Сейчас ничего не выполняется."],
  ["de", "Gerade läuft nichts."],
  ["zh-hans", "目前没有正在进行的回答。"],
] as const;

const POEM = "Shall I compare thee to a summer's day?";

function personOf(scene: Scene, language: string): Person {
  const person = scene.person("Ann");
  person.user.language = language;
  return person;
}

describe("people who are known", () => {
  const scene = sceneOf({ requestParams: "streaming_timeout: 3" });
  beforeAll(async () => {
    await scene().start();
  });

  test.each(LANGUAGES)("a stop and a model that fails: %s", async (language, nothingRuns) => {
    const { telegram, model } = scene();
    const { chat, user } = personOf(scene(), language);
    const cut = { ...inTwo("The answer begins well enough, but then", " it ends."), chunkEveryMs: 50 };
    model.script(
      saying({
        poem: hangingAfter(POEM),
        busy: { fault: "429", retryAfter: 7200 },
        key: { fault: "401" },
        end: { ...cut, fault: "truncate" },
        speak: { fault: "empty" },
        like: { text: "I cannot help with that.", chunkChars: 1_000, fault: "refusal" },
        well: atOnce("Yes, it is."),
      }),
    );
    await scene().ask(chat, user, "write me a poem");
    await scene().shows(chat, POEM);
    telegram.say({ chat, from: user, text: "/stop" });
    // The answer's last edit and the reply to the command, in whichever order.
    await telegram.until(
      () => telegram.botMessages(chat).filter(({ text }) => text.includes("⏹")).length === 2,
      30_000,
    );
    telegram.say({ chat, from: user, text: "/stop" });
    await scene().shows(chat, nothingRuns);
    const questions = ["is it busy?", "is the key right?", "does it end?", "does it speak?", "does it like me?"];
    for (const [index, words] of questions.entries()) {
      await scene().ask(chat, user, words);
      await telegram.until(() => telegram.botMessages(chat)[index + 3]?.text.includes("⚠️"), 30_000);
    }
    await scene().converse(chat, user, "is all well?");
    await expect(chatInTheEnd(scene(), chat)).toMatchFileSnapshot(file(`languages-${language}`));
  });
});

describe("strangers", () => {
  const scene = sceneOf({ env: { ACCESS: "pairing" } });
  beforeAll(async () => {
    await scene().start();
  });

  test("are turned away in their language", async () => {
    const { telegram } = scene();
    const read: string[] = [];
    for (const [language] of LANGUAGES) {
      const { chat, user } = personOf(scene(), language);
      telegram.say({ chat, from: user, text: "hello" });
      await telegram.until(() => telegram.botMessages(chat).length === 1);
      read.push(chatInTheEnd(scene(), chat));
    }
    await expect(read.join("")).toMatchFileSnapshot(file("languages-strangers"));
  });
});
