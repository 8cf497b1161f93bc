import { beforeAll, expect, test } from "vitest";
import { ASK_SHORTCUT as callback } from "../../adapters/slack/read-slack-shortcut.ts";
import { sceneOf, turnOf } from "../support/e2e.ts";
import { asRead, atOnce, file, saying } from "../support/transcript.ts";

const scene = sceneOf({ slack: {} });
beforeAll(async () => {
  await scene().start({ slack: "socket" });
});

test("a message that is asked about is answered in its thread, as a question of whoever asked", async () => {
  const { slack, model } = scene();
  const [ann, bob] = [slack.user("Ann"), slack.user("Bob")];
  const alerts = slack.user("alerts", { kind: "bot" });
  const channel = slack.channelNamed("operations");
  model.script(
    saying({
      "disk of db-1": atOnce("Delete the old logs."),
      "and then": atOnce("Then restart it."),
      "is it safe": atOnce("It is safe."),
    }),
  );
  const says = (answer: string) =>
    slack.until(() => slack.botMessages(channel).some(({ shown }) => shown === answer), 30_000);
  const alert = slack.say({ channel, user: alerts, text: "the disk of db-1 is full" });
  slack.shortcut({ channel, user: ann, ts: alert.ts, callback });
  await says("Delete the old logs.");
  expect(turnOf(model.requests.at(-1)!)).toBe("[Ann] [quotes alerts:]\n> the disk of db-1 is full\n[end]");
  slack.say({ channel, user: ann, text: "and then?", thread: alert.ts });
  await says("Then restart it.");
  const doubt = slack.say({ channel, user: bob, text: "is it safe?" });
  slack.say({ channel, user: bob, text: "I would rather not", thread: doubt.ts });
  const { triggerId } = slack.shortcut({ channel, user: ann, ts: doubt.ts, callback });
  slack.repeatEvent(triggerId);
  await says("It is safe.");
  await slack.until(() => slack.pendingEvents === 0, 30_000);
  expect(turnOf(model.requests.at(-1)!)).toBe(
    "[Ann] [said here before by Bob:]\n> I would rather not\n[end]\n[quotes Bob:]\n> is it safe?\n[end]",
  );
  expect(model.requests).toHaveLength(3);
  await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file("slack-shortcut"));
});

test.each(["a public channel", "a private channel", "other people's messages"])(
  "whoever asks about what stands in %s without the bot is told so, and nobody else",
  async (where) => {
    const { slack, model } = scene();
    const [ann, bob] = [slack.user("Ann"), slack.user("Bob")];
    const channel =
      where === "other people's messages"
        ? slack.dmOfOthers(ann, bob)
        : slack.channelNamed(where, { private: where === "a private channel", bot: false });
    const before = model.requests.length;
    const { ts } = slack.say({ channel, user: bob, text: "where is the key?" });
    slack.shortcut({ channel, user: ann, ts, callback });
    await slack.until(() => slack.ephemerals(channel).length > 0, 30_000);
    expect(slack.ephemerals(channel).map(({ user, shown }) => [user.name, shown])).toEqual([
      ["Ann", expect.stringMatching(/^I am not there/)],
    ]);
    expect(slack.botMessages(channel)).toEqual([]);
    expect(model.requests).toHaveLength(before);
  },
);
