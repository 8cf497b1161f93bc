import { beforeAll, describe, expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, chatInTheEnd, file, saying } from "../support/transcript.ts";
import { converse, lastTexts, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

/** Of the apps on Telegram and on Slack, and the name there. */
const LANGUAGES = [
  ["en", "en-US", "Ann"],
  ["ru", "zh-CN", "Anna"],
] as const;

describe("one person on Telegram and on Slack", () => {
  const scene = sceneOf({ slack: {} });
  beforeAll(async () => {
    await scene().start({ slack: "socket" });
    scene().model.script(saying({ rain: atOnce("It may rain."), shine: atOnce("It may shine.") }));
  });

  /** Says it, and resolves with what the bot says next there. */
  const answered = async (voice: Voice, text: string) => {
    const before = voice.shown().length;
    voice.say(text);
    await voice.until(() => voice.shown().length > before, 30_000);
    return lastTexts(voice)[before]!;
  };

  test.each(LANGUAGES)(
    "links both by a code, is told in both, and undoes it: %s and %s",
    { timeout: 90_000 },
    async (onTelegram, onSlack, name) => {
      const { slack, telegram } = scene();
      const { chat, user } = scene().person(name);
      user.language = onTelegram;
      const member = slack.user(name);
      member.locale = onSlack;
      const channel = slack.dm(member);
      const here = new TelegramVoice(scene(), name, { chat, user });
      const thread = () => new SlackVoice(scene(), name, { channel, user: member });
      await converse(scene(), here, "will there be rain?");
      await converse(scene(), thread(), "will the sun shine?");

      const code = /\b[2-9A-Z]{8}\b/.exec(await answered(here, "/link"))![0];
      await answered(here, `/link ${code}`);
      await answered(thread(), "link 2345ABCD");
      const linked = telegram.botMessages(chat).length + 1;
      const there = thread();
      await answered(there, `link ${code}`);
      await telegram.until(() => telegram.botMessages(chat).length === linked, 30_000);

      slack.slash({ channel, user: member, command: "/parley unlink" });
      await slack.until(() => slack.ephemerals(channel).length === 1, 30_000);
      await telegram.until(() => telegram.botMessages(chat).length === linked + 1, 30_000);
      await answered(here, "/unlink");

      const again = /\b[2-9A-Z]{8}\b/.exec(await answered(thread(), "link"))![0];
      const told = slack.botMessages(channel).length + 1;
      await answered(here, `/link ${again}`);
      await slack.until(() => slack.botMessages(channel).length === told, 30_000);
      await answered(here, "/unlink");
      await slack.until(() => slack.botMessages(channel).length === told + 1, 30_000);

      await expect(chatInTheEnd(scene(), chat)).toMatchFileSnapshot(file(`link-telegram-${onTelegram}`));
      await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file(`link-slack-${onSlack}`));
    },
  );

  test("is told in a group that this is for private chats, in the language of whoever asks", async () => {
    const { slack, telegram } = scene();
    const { user } = scene().person("Uli");
    user.language = "de";
    const group = telegram.group(-1_001_000_000_777, "Garten");
    for (const command of ["/link", "/unlink", "/link 2345ABCD"])
      telegram.say({ chat: group, from: user, text: command });
    await telegram.until(() => telegram.botMessages(group).length === 3, 30_000);
    const channel = slack.channelNamed("garden");
    const ann = slack.user("Ann");
    slack.slash({ channel, user: ann, command: "/parley link" });
    await slack.until(() => slack.ephemerals(channel).length === 1, 30_000);
    const read = [chatInTheEnd(scene(), group), asRead(slack.transcript(channel))].join("\n");
    await expect(read).toMatchFileSnapshot(file("link-in-groups"));
  });
});
