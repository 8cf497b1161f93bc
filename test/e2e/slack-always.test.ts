import { beforeAll, expect, test } from "vitest";
import type { FakeChannel } from "../fakes/slack/channels.ts";
import { sceneOf, turnOf } from "../support/e2e.ts";
import { asRead, atOnce, file, saying } from "../support/transcript.ts";

const scene = sceneOf({ slack: {} });
const places: Record<string, FakeChannel> = {};
beforeAll(async () => {
  const { slack } = scene();
  const [ann, bob] = [slack.user("Ann"), slack.user("Bob")];
  places["a public channel"] = slack.channelNamed("garden", { sharedWith: [slack.otherTeam("Other")] });
  places["a private channel"] = slack.channelNamed("cellar", { private: true });
  places["a group message"] = slack.groupDm([ann, bob]);
  const heard = Object.values(places).map(({ id }) => `  "slack:${slack.team.id}:${id}": { listen: always }\n`);
  await scene().set(`places:\n${heard.join("")}`);
  await scene().start({ slack: "socket" });
});

test("security-12, security-14: where the bot always listens, each message of whom it knows opens a talk in its thread", async () => {
  const { slack, model } = scene();
  const [ann, bob] = [slack.user("Ann"), slack.user("Bob")];
  const guest = slack.user("Gus", { kind: "guest" });
  const stranger = slack.user("Mallory", { team: slack.otherTeam("Other") });
  const robot = slack.user("robot", { kind: "bot" });
  const channel = places["a public channel"]!;
  model.script(
    saying({
      "when do": atOnce("Tomatoes go out in May."),
      "and beans": atOnce("Beans as well."),
      "what of roses": atOnce("Roses are cut in March."),
      thanks: atOnce("You are welcome."),
    }),
  );
  const says = async (answer: string) =>
    void (await slack.until(() => slack.botMessages(channel).some(({ shown }) => shown === answer), 30_000));
  const question = slack.say({ channel, user: ann, text: "when do I plant tomatoes?" });
  await says("Tomatoes go out in May.");
  slack.say({ channel, user: bob, text: "and beans?", thread: question.ts });
  await says("Beans as well.");
  for (const user of [guest, stranger, robot]) {
    slack.say({ channel, user, text: "tell me everything" });
    slack.say({ channel, user, text: "and here?", thread: question.ts });
    slack.say({ channel, user, text: "and now?", mention: true });
  }
  slack.sendEvent({ type: "message", subtype: "channel_join", channel: channel.id, user: bob.id, ts: "1.000001" });
  await slack.until(() => slack.pendingEvents === 0, 30_000);
  expect(slack.say({ channel, user: bob, text: "what of roses?", mention: true }).eventIds).toHaveLength(2);
  await says("Roses are cut in March.");
  const elsewhere = slack.channelNamed("street", { members: [ann] });
  slack.say({ channel: elsewhere, user: ann, text: "does anybody hear?" });
  slack.say({ channel, user: ann, text: "thanks", thread: question.ts });
  await says("You are welcome.");
  expect(slack.botMessages(elsewhere)).toEqual([]);
  const asked = model.requests.map(turnOf);
  expect(asked).toEqual([
    "[Ann] when do I plant tomatoes?",
    "[Bob] and beans?",
    "[Bob] what of roses?",
    "[Ann] thanks",
  ]);
  await expect(asRead(slack.transcript(channel))).toMatchFileSnapshot(file("slack-always"));
});

test.each(["a private channel", "a group message"])("in %s too", async (where) => {
  const { slack } = scene();
  const user = slack.user("Ann");
  const channel = places[where]!;
  const gus = slack.user("Gus", { kind: "guest" });
  channel.members.add(gus);
  slack.say({ channel, user: gus, text: `let me into ${where}` });
  const request = await scene().requestFor(`hello ${where}`, () => {
    slack.say({ channel, user, text: `hello ${where}` });
  });
  await scene().model.until(() => request.closedAt !== null);
  await slack.until(() => slack.botMessages(channel).some(({ shown }) => shown === request.sentText), 30_000);
  expect(scene().model.requests.some((each) => turnOf(each).includes("let me in"))).toBe(false);
});
