import { beforeAll, describe, expect, test } from "vitest";
import type { Script } from "../fakes/model/script.ts";
import type { FakeChat } from "../fakes/telegram/chats.ts";
import { type Person, sceneOf } from "../support/e2e.ts";
import { HeldTools } from "../support/held-tools.ts";
import { numberedWords } from "../support/numbered-words.ts";
import { asRead, atOnce, file, hangingAfter, inTwo, saying } from "../support/transcript.ts";

const POEM = "Shall I compare thee to a summer's day?";
const TIMEOUT = { timeout: 120_000 };

describe("an answer in a private chat, with Telegram's drafts", () => {
  const scene = sceneOf({ env: { TELEGRAM_DRAFTS: "true" }, telegram: { strict: true } });
  const tools = new HeldTools("web_search");
  beforeAll(async () => {
    await scene().start({ tools: tools.source });
  });

  const says = (script: Record<string, Script>) => scene().model.script(saying(script));
  const say = ({ chat, user: from }: Person, text: string) => void scene().telegram.say({ chat, from, text });
  const drafts = (chat: FakeChat) => chat.drafts(Date.now());
  const posts = (chat: FakeChat) => scene().telegram.botMessages(chat);
  const sees = ({ chat }: Person, text: string | RegExp) => {
    const fits = (shown: string) => (typeof text === "string" ? shown === text : text.test(shown));
    return scene().telegram.until(() => drafts(chat).some((draft) => fits(draft.text)), 30_000);
  };
  /** The bot's last message says so. */
  const ends = ({ chat }: Person, text: string) =>
    scene().telegram.until(() => posts(chat).at(-1)?.text === text, 30_000);
  const stops = ({ chat }: Person) => {
    chat.note("Ann presses the draft's Stop");
    scene().telegram.stopDraft(chat, drafts(chat)[0]!.draftId);
  };
  const reads = async ({ chat }: Person, name: string) => {
    await expect(asRead(withoutTicks(scene().telegram.transcript(chat)))).toMatchFileSnapshot(file(name));
  };

  test("grows as a draft while a tool works, and is one message in the end", TIMEOUT, async () => {
    const ann = scene().person("Ann");
    scene().model.script(({ messages }) =>
      messages.at(-1)?.role === "tool"
        ? { ttftMs: 2_500, ...inTwo("It will rain in the evening,", " so take an umbrella.") }
        : { text: "", ttftMs: 0, toolCalls: [{ name: "web_search", args: { query: "weather in Rome" } }] },
    );
    say(ann, "will it rain in Rome?");
    await sees(ann, "⏳ web search: weather in Rome");
    tools.end("web_search");
    await sees(ann, /^✓ web search: weather in Rome/);
    await sees(ann, /^It will rain in the evening,\n\n🔧 1 tool/u);
    await ends(ann, "It will rain in the evening, so take an umbrella.");
    expect(posts(ann.chat)).toMatchObject([{ versions: [{ keyboard: null }] }]);
    await reads(ann, "telegram-drafts");
  });

  test("keeps what was said when the draft's own Stop is pressed", TIMEOUT, async () => {
    const ann = scene().person("Ann");
    says({ poem: hangingAfter(POEM), still: atOnce("I am.") });
    say(ann, "write me a poem");
    await sees(ann, POEM);
    stops(ann);
    await ends(ann, `${POEM}\n\n⏹ Stopped.`);
    say(ann, "are you still there?");
    await ends(ann, "I am.");
    await reads(ann, "telegram-drafts-stop");
  });

  test("says that it stopped although nothing was said yet", TIMEOUT, async () => {
    const ann = scene().person("Ann");
    scene().model.script(() => ({ text: "", toolCalls: [{ name: "web_search", args: { query: "the moon" } }] }));
    say(ann, "where is the moon?");
    await sees(ann, "⏳ web search: the moon");
    stops(ann);
    await ends(ann, "⏹ Stopped.");
    expect(posts(ann.chat)).toHaveLength(1);
  });

  test("leaves nothing when another message interrupts it", TIMEOUT, async () => {
    const ann = scene().person("Ann");
    says({ poem: hangingAfter(POEM), short: atOnce("Roses are red.") });
    say(ann, "write me a poem");
    await sees(ann, POEM);
    say(ann, "a short one please");
    await ends(ann, "Roses are red.");
    await reads(ann, "telegram-drafts-interrupt");
  });

  test("posts the pages that are full, and never edits one", TIMEOUT, async () => {
    const ann = scene().person("Ann");
    const text = numberedWords(9_000);
    says({ story: { text, chunkChars: 500, chunkEveryMs: 400 } });
    say(ann, "tell me a story");
    await scene().telegram.until(() => posts(ann.chat).length === 1, 30_000);
    expect(posts(ann.chat)[0]?.text.length).toBeGreaterThan(3_000);
    await scene().telegram.until(() => drafts(ann.chat).some((draft) => draft.text !== ""), 30_000);
    const words = (shown: string) => shown.split(/\s+/);
    const all = () =>
      words(
        posts(ann.chat)
          .map((message) => message.text)
          .join(" "),
      );
    await scene().telegram.until(() => all().length === words(text).length, 30_000);
    expect(all()).toEqual(words(text));
    expect(posts(ann.chat).map(({ versions }) => versions.length)).toEqual([1, 1, 1]);
  });

  test("is a message that is edited in a group", TIMEOUT, async () => {
    const { user } = scene().person("Ann");
    const chat = scene().telegram.group(-7001, "the garden");
    says({ poem: inTwo(POEM, " Thou art more lovely.") });
    await scene().ask(chat, user, "a poem");
    await scene().shows(chat, POEM);
    await scene().shows(chat, `${POEM} Thou art more lovely.`);
    expect(posts(chat)).toHaveLength(1);
    expect(scene().telegram.calls("sendMessageDraft", chat)).toEqual([]);
  });
});

describe("an answer in a topic of a private chat", () => {
  const scene = sceneOf({ env: { TELEGRAM_DRAFTS: "true" }, telegram: { topics: true, strict: true } });

  test("grows as a draft of the topic, whose Stop leaves another topic alone", TIMEOUT, async () => {
    const { telegram, model } = scene();
    await scene().start();
    const { chat, user } = scene().person("Ann");
    const [roses, weeds] = ["Roses", "Weeds"].map((name) => telegram.topic(chat, name, user).id) as [number, number];
    model.script(
      saying({ poem: hangingAfter(POEM), weeds: inTwo("Pull them out with their roots,", " all of them.") }),
    );
    await Promise.all([scene().ask(chat, user, "a poem", roses), scene().ask(chat, user, "my weeds", weeds)]);
    const draftIn = (thread: number) => chat.drafts(Date.now()).find((draft) => draft.thread === thread);
    await telegram.until(() => draftIn(roses)?.text === POEM && draftIn(weeds) !== undefined, 30_000);
    telegram.stopDraft(chat, draftIn(roses)!.draftId);
    await scene().shows(chat, `${POEM}\n\n⏹ Stopped.`, { thread: roses });
    await scene().shows(chat, "Pull them out with their roots, all of them.", { thread: weeds });
  });
});

describe("an answer where the server has no drafts", () => {
  const scene = sceneOf({ env: { TELEGRAM_DRAFTS: "true" } });

  test("is a message that is edited, as is the next one, which asks for no draft", TIMEOUT, async () => {
    const { telegram, model } = scene();
    telegram.fault({
      kind: "status",
      status: 404,
      description: "Not Found",
      method: "sendMessageDraft",
      times: Infinity,
    });
    await scene().start();
    const ann = scene().person("Ann");
    model.script(() => inTwo(POEM, " Thou art more lovely."));
    for (const [index, question] of ["a poem", "another"].entries()) {
      await scene().ask(ann.chat, ann.user, question);
      const isWhole = () => telegram.botMessages(ann.chat)[index]?.text === `${POEM} Thou art more lovely.`;
      await telegram.until(isWhole, 30_000);
    }
    for (const { versions } of telegram.botMessages(ann.chat)) expect(versions[0]?.text).toBe(POEM);
    expect(telegram.calls("sendMessageDraft")).toHaveLength(1);
  });
});

/** How long something took differs from run to run. */
function withoutTicks(lines: string[]): string[] {
  const masked = lines.map((line) => line.replaceAll(/(?: ·|,) \d+ s\b/g, ""));
  return masked.filter((line, index) => line !== masked[index - 1]);
}
