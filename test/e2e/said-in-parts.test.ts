import { beforeAll, describe, expect, test } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { contentText } from "../fakes/model/script.ts";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file, inTwo, saying } from "../support/transcript.ts";
import { lastTexts, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

const TIMEOUT = { timeout: 90_000 };
const POEM = inTwo("Shall I compare thee to a summer's day?", " Thou art more lovely.", 10_000);
const QUEUED = "⏳ I answer this after the running one.";

/** What people said, in all that the model was sent last. */
function heard(request: JournalEntry | undefined): string[] {
  return (request?.messages ?? []).filter(({ role }) => role === "user").map(contentText);
}

describe("what people say in several messages, or change while it waits", () => {
  const scene = sceneOf({ slack: {}, env: { ON_BUSY: "queue" } });
  beforeAll(async () => {
    await scene().start({ slack: "socket" });
  });

  const shows = (voice: Voice, text: string) => voice.until(() => lastTexts(voice).includes(text), 30_000);
  const asked = async (words: string) => {
    const those = () => scene().model.requests.filter((request) => heard(request).at(-1)?.includes(words));
    await scene().model.until(() => those().length > 0, 30_000);
    return those()[0]!;
  };

  test("an album, forwarded messages with a remark, and an edit of what waits, on Telegram", TIMEOUT, async () => {
    const { telegram, model } = scene();
    const { chat, user: from } = scene().person("Ann");
    const bob = telegram.user(4_711, "Bob");
    const ann = new TelegramVoice(scene(), "Ann", { chat, user: from });
    model.script(
      saying({
        look: atOnce("Five beds of roses."),
        "what does he want": atOnce("He asks for seeds by Friday."),
        poem: POEM,
        Oslo: atOnce("Oslo stays dry."),
      }),
    );
    for (let at = 0; at < 5; at++) {
      telegram.say({ chat, from, text: at === 0 ? "look" : "", mediaGroupId: "roses" });
    }
    await shows(ann, "Five beds of roses.");
    for (const text of ["do you have seeds?", "by Friday please"]) {
      telegram.say({ chat, from, text, forwarded: bob });
    }
    ann.say("what does he want?");
    await shows(ann, "He asks for seeds by Friday.");
    const [, ...others] = heard(await asked("what does he want"));
    expect(others).toEqual([
      [
        "[forwarded, written by Bob:]\n> do you have seeds?\n[end]",
        "[forwarded, written by Bob:]\n> by Friday please\n[end]",
        "what does he want?",
      ].join("\n\n"),
    ]);
    ann.say("write me a poem");
    await shows(ann, "Shall I compare thee to a summer's day?");
    const { messageId } = telegram.say({ chat, from, text: "is it wet in Olso?" });
    await shows(ann, QUEUED);
    telegram.editUserMessage({ chat, messageId, text: "is it wet in Oslo?" });
    await shows(ann, "Oslo stays dry.");
    expect(heard(model.requests.at(-1)).at(-1)).toBe("is it wet in Oslo?");
    const isOver = () => telegram.botMessages(chat).every(({ keyboard, text }) => keyboard === null && text !== QUEUED);
    await telegram.until(isOver, 30_000);
    await expect(asRead(telegram.transcript(chat))).toMatchFileSnapshot(file("said-in-parts-telegram"));
  });

  test("a thread that was there before, an edit and a deletion of what waits, on Slack", TIMEOUT, async () => {
    const { slack, model } = scene();
    const channel = slack.channelNamed("garden");
    const [annUser, bobUser] = [slack.user("Ann"), slack.user("Bob")];
    model.script(
      saying({
        "what do you think": atOnce("Bob is right: after the frost."),
        poem: POEM,
        Oslo: atOnce("Oslo stays dry."),
      }),
    );
    const { ts: thread } = slack.say({ channel, user: annUser, text: "tomatoes in April?" });
    slack.say({ channel, user: bobUser, text: "not before the frost is over", thread });
    // Slack promises no order, and what comes after the mention is for the bot.
    await slack.until(() => slack.pendingEvents === 0);
    const ann = new SlackVoice(scene(), "Ann", { channel, user: annUser, thread });
    ann.say("what do you think?", true);
    await shows(ann, "Bob is right: after the frost.");
    expect(heard(await asked("what do you think"))).toEqual([
      [
        "[Ann] [said here before by Ann:]\n> tomatoes in April?\n[end]",
        "[said here before by Bob:]\n> not before the frost is over\n[end]",
        "what do you think?",
      ].join("\n"),
    ]);
    ann.say("write me a poem");
    await shows(ann, "Shall I compare thee to a summer's day?");
    const { ts: wrong } = slack.say({ channel, user: bobUser, text: "is it wet in Olso?", thread });
    const { ts: taken } = slack.say({ channel, user: bobUser, text: "and in Rome?", thread });
    await shows(ann, QUEUED);
    slack.edit({ channel, ts: wrong, text: "is it wet in Oslo?" });
    slack.remove(channel, taken);
    await shows(ann, "Oslo stays dry.");
    expect(heard(model.requests.at(-1)).at(-1)).toBe("[Bob] is it wet in Oslo?");
    const isOver = () =>
      slack.botMessages(channel, thread).every(({ shown }) => !shown.endsWith("[Stop]") && shown !== QUEUED);
    await slack.until(isOver, 30_000);
    await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file("said-in-parts-slack"));
  });
});
