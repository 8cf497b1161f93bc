import { beforeAll, describe, expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file, hangingAfter, inTwo, saying } from "../support/transcript.ts";
import { lastTexts, SlackVoice } from "../support/voice.ts";

describe("what people see on Slack", () => {
  const scene = sceneOf({ slack: {} });
  beforeAll(async () => {
    await scene().start({ slack: "socket" });
  });

  const shows = (voice: SlackVoice, text: string) => voice.until(() => lastTexts(voice).includes(text), 30_000);
  /** The answer is whole, and its button is gone. */
  const ends = (voice: SlackVoice, text: string) =>
    voice.until(
      () =>
        scene()
          .slack.botMessages(voice.channel, voice.thread)
          .some(({ shown }) => shown === text),
      30_000,
    );

  test(
    "a thread of a channel: a mention opens it, replies need none, each may stop what is theirs",
    { timeout: 90_000 },
    async () => {
      const { slack, model } = scene();
      const channel = slack.channelNamed("garden");
      const ann = new SlackVoice(scene(), "Ann", { channel, user: slack.user("Ann") });
      model.script(
        saying({
          "when do": inTwo("Tomatoes go out after the last frost,", " usually in May."),
          "and beans": atOnce("**Beans as well**, Bob, but:\n\n- not before `10 °C`\n- never in <!channel> mud"),
          "a poem": hangingAfter("Shall I compare thee to a summer's day?"),
          thanks: atOnce("You are welcome."),
        }),
      );
      slack.say({ channel, user: ann.user, text: "shall we ask the bot, @Bob?" });
      ann.say("when do I plant tomatoes?");
      await shows(ann, "Tomatoes go out after the last frost,");
      await ends(ann, "Tomatoes go out after the last frost, usually in May.");
      const bob = new SlackVoice(scene(), "Bob", { channel, user: slack.user("Bob"), thread: ann.thread! });
      bob.say("and beans?");
      await bob.until(() => lastTexts(bob).length === 2, 30_000);
      const isOver = () => slack.botMessages(channel, ann.thread).every(({ shown }) => !shown.endsWith("[Stop]"));
      await bob.until(isOver, 30_000);
      ann.say("write me a poem");
      await shows(ann, "Shall I compare thee to a summer's day?");
      slack.press({ channel, user: bob.user, ts: slack.botMessages(channel, ann.thread).at(-1)!.ts });
      await slack.until(() => slack.pendingEvents === 0);
      slack.press({ channel, user: ann.user, ts: slack.botMessages(channel, ann.thread).at(-1)!.ts });
      await ends(ann, "Shall I compare thee to a summer's day?\n\n⏹ Stopped.");
      ann.say("thanks");
      await ends(ann, "You are welcome.");
      await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file("slack-channel"));
    },
  );

  test(
    "direct messages: each begins a talk in its thread, commands are bare words or /parley",
    { timeout: 90_000 },
    async () => {
      const { slack, model } = scene();
      const user = slack.user("Carl");
      const channel = slack.dm(user);
      const talk = () => new SlackVoice(scene(), "Carl", { channel, user });
      model.script(
        saying({
          salt: atOnce("Rivers carry minerals into the sea."),
          remember: atOnce("You asked about the salt of the sea."),
          story: hangingAfter("Once upon a time there was a fox"),
          what: atOnce("This is another talk."),
        }),
      );
      const [first, second] = [talk(), talk()];
      first.say("where does the salt come from?");
      await ends(first, "Rivers carry minerals into the sea.");
      first.say("do you remember?");
      await ends(first, "You asked about the salt of the sea.");
      second.say("and what did I ask?");
      await ends(second, "This is another talk.");
      first.say("tell me a story");
      await shows(first, "Once upon a time there was a fox");
      first.say("stop");
      await ends(first, "Once upon a time there was a fox\n\n⏹ Stopped.");
      await first.until(() => first.shown().length === 4, 30_000);
      slack.slash({ channel, user, command: "/parley dance" });
      await slack.until(() => slack.ephemerals(channel).length === 1, 30_000);
      await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file("slack-direct"));
    },
  );
});
