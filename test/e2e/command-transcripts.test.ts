import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file, hangingAfter, saying } from "../support/transcript.ts";
import { lastTexts, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

const CARDS = {
  botanist: "description: Knows what grows.\ndefault: true",
  editor: "description: Shortens a text.",
};

/** Somebody's words in one language, and what the model says to them. */
interface Talk {
  question: string;
  answer: string;
  text: string;
  shorter: string;
  title: string;
  poem: string;
  verse: string;
  /** With a stop word in it, and what that is answered. */
  sentence: string;
  reply: string;
  story: string;
  once: string;
  stop: string;
  idle: string;
}

const ENGLISH: Talk = {
  question: "when do I plant beans?",
  answer: "In May, after the last frost.",
  text: "shorten: I would really very much like some tea",
  shorter: "I would like some tea.",
  title: "Beans and tea",
  poem: "write me a poem",
  verse: "Shall I compare thee to a summer's day?",
  sentence: "stop it please",
  reply: "Gladly. I had only begun.",
  story: "then tell me a story",
  once: "Once upon a time there was a fox",
  stop: "Stop.",
  idle: "There is nothing to stop.",
};

const RUSSIAN: Talk = {
  question: "когда сажать бобы?",
  answer: "В мае, после последних заморозков.",
  text: "сократи: мне бы очень хотелось немного чаю",
  shorter: "Мне бы чаю.",
  title: "Бобы и чай",
  poem: "напиши стихотворение",
  verse: "Мороз и солнце; день чудесный!",
  sentence: "стоп, а кто это написал?",
  reply: "Пушкин.",
  story: "тогда расскажи сказку",
  once: "Жили-были старик со старухой",
  stop: "стоп",
  idle: "Останавливать нечего.",
};

const CHINESE: Talk = {
  question: "豆子什么时候种？",
  answer: "五月，最后一次霜冻之后。",
  text: "缩短：我真的非常想喝一点茶",
  shorter: "我想喝茶。",
  title: "豆子和茶",
  poem: "写一首诗",
  verse: "床前明月光，疑是地上霜。举头望明月，低头思故乡。此诗甚好",
  sentence: "停止之前，这是谁写的？",
  reply: "李白。",
  story: "那讲个故事吧",
  once: "从前有一只狐狸，住在山脚下的一片树林里，它有一个好朋友",
  stop: "停止",
  idle: "没有可以停止的。",
};

describe("commands and stop words", () => {
  const scene = sceneOf({ slack: {} });
  let agents: string;
  beforeAll(async () => {
    agents = await mkdtemp(path.join(tmpdir(), "parley-cards-"));
    for (const [name, front] of Object.entries(CARDS)) {
      await writeFile(path.join(agents, `${name}.md`), `---\n${front}\n---\nYou are a test.\n`);
    }
    await writeFile(path.join(agents, "parley.yaml"), "feedback: off\n");
    await scene().start({ slack: "socket", env: { AGENTS_DIR: agents } });
  });
  beforeAll(() => {
    const said = [ENGLISH, RUSSIAN, CHINESE].map((talk) => ({
      [talk.question]: atOnce(talk.answer),
      [talk.text]: atOnce(talk.shorter),
      [talk.poem]: hangingAfter(talk.verse),
      [talk.sentence]: atOnce(talk.reply),
      [talk.story]: hangingAfter(talk.once),
      [talk.stop]: atOnce(talk.idle),
    }));
    scene().model.script(saying(Object.assign({}, ...said)));
  });
  afterAll(() => rm(agents, { recursive: true }));

  /** Says it, and waits until the bot has said the next thing there. */
  const answered = async (voice: Voice, text: string) => {
    const before = voice.shown().length;
    voice.say(text);
    await voice.until(() => voice.shown().length > before, 30_000);
  };

  /** Says it, and waits for what the model is to say to it. */
  const converse = async (voice: Voice, text: string, answer: string, isWhole: () => boolean) => {
    voice.say(text);
    await voice.until(() => lastTexts(voice).includes(answer) && isWhole(), 30_000);
  };

  async function go(voice: Voice, talk: Talk, sign: string, retitle: () => Promise<void>, isWhole: () => boolean) {
    await converse(voice, talk.question, talk.answer, isWhole);
    await answered(voice, `${sign}agent`);
    await answered(voice, `${sign}agent 2`);
    await converse(voice, talk.text, talk.shorter, isWhole);
    await answered(voice, `${sign}mode`);
    await answered(voice, `${sign}mode queue`);
    await answered(voice, `${sign}mode default`);
    await answered(voice, `${sign}title`);
    await retitle();
    await answered(voice, `${sign}title`);

    voice.say(talk.poem);
    await voice.until(() => lastTexts(voice).some((text) => text.startsWith(talk.verse)), 30_000);
    await converse(voice, talk.sentence, talk.reply, isWhole);
    voice.say(talk.story);
    await voice.until(() => lastTexts(voice).some((text) => text.startsWith(talk.once)), 30_000);
    const before = voice.shown().length;
    voice.say(talk.stop);
    // The answer to the word, and the mark under what was stopped.
    await voice.until(() => voice.shown().length > before && isWhole(), 30_000);
    await converse(voice, talk.stop, talk.idle, isWhole);
  }

  test.concurrent.for([
    ["en", ENGLISH],
    ["ru", RUSSIAN],
  ] as const)("on Telegram: %s", { timeout: 90_000 }, async ([language, talk], { expect }) => {
    const { telegram } = scene();
    const { chat, user } = scene().person("Ann");
    user.language = language;
    const voice = new TelegramVoice(scene(), "Ann", { chat, user });
    const isWhole = () => telegram.botMessages(chat).every(({ keyboard }) => keyboard === null);
    await go(voice, talk, "/", () => answered(voice, `/title ${talk.title}`), isWhole);
    await expect(asRead(telegram.transcript(chat))).toMatchFileSnapshot(file(`commands-telegram-${language}`));
  });

  test.concurrent.for([
    ["en", ENGLISH],
    ["zh", CHINESE],
  ] as const)("on Slack: %s", { timeout: 90_000 }, async ([language, talk], { expect }) => {
    const { slack } = scene();
    const user = slack.user(language === "en" ? "Ann" : "Li");
    user.locale = language === "en" ? "en-US" : "zh-CN";
    const channel = slack.dm(user);
    const voice = new SlackVoice(scene(), user.name, { channel, user });
    const isWhole = () => slack.botMessages(channel).every(({ shown }) => !/\[[^\]]+\]$/.test(shown));
    const retitle = async () => {
      slack.slash({ channel, user, command: `/parley title ${talk.title}` });
      await slack.until(() => slack.ephemerals(channel).length === 1, 30_000);
    };
    await go(voice, talk, "", retitle, isWhole);
    await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file(`commands-slack-${language}`));
  });
});
