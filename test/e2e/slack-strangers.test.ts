import { beforeAll, describe, expect, test } from "vitest";
import type { FakeChannel } from "../fakes/slack/channels.ts";
import type { FakeUser } from "../fakes/slack/directory.ts";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
import { ALL_FORGERIES } from "../fakes/slack/forgeries.ts";
import { type Scene, sceneOf, turnOf } from "../support/e2e.ts";
import { converse, SlackVoice } from "../support/voice.ts";

const FORM = "application/x-www-form-urlencoded";
const IN_TIME = { timeout: 60_000 };

/** A private talk of somebody who is let in. */
function member(scene: Scene, name: string): SlackVoice {
  const user = scene.slack.user(name);
  return new SlackVoice(scene, name, { channel: scene.slack.dm(user), user });
}

/** Whatever was sent before is stored, and has had its effect: a later question is answered, and alone was asked. */
async function expectNothingAsked(scene: Scene, act: () => unknown): Promise<void> {
  const { model, slack } = scene;
  const before = model.requests.length;
  await act();
  await slack.until(() => slack.pendingEvents === 0, 30_000);
  sentinels += 1;
  await converse(scene, member(scene, `sentinel${sentinels}`), `only me ${sentinels}?`);
  expect(model.requests.slice(before).map(turnOf)).toEqual([`only me ${sentinels}?`]);
}
let sentinels = 0;

describe("calls that Slack did not make", () => {
  const scene = sceneOf({ slack: {} });
  beforeAll(async () => {
    await scene().start({ slack: "http" });
  });

  /** A body that starts a run if it is believed; in a thread that is there, its answer can be shown. */
  const believable = (text: string, thread?: string) => {
    const { slack } = scene();
    const user = slack.user("ann");
    const channel = slack.dm(user);
    const ts = `${Math.floor(Date.now() / 1000)}.${String((forged += 1)).padStart(6, "0")}`;
    const about = { channel: channel.id, channel_type: "im", user: user.id, team: slack.team.id };
    const where = thread === undefined ? { ts } : { ts, thread_ts: thread };
    return {
      token: slack.app.verificationToken,
      team_id: slack.team.id,
      api_app_id: slack.app.appId,
      type: "event_callback",
      event_id: `EvFORGED${forged}`,
      event: { type: "message", ...about, ...where, text },
    };
  };
  let forged = 0;

  test(
    "security-04, security-06: each forgery gets 401 and has no effect; the same body, signed by Slack, is answered",
    IN_TIME,
    async () => {
      const { slack, model } = scene();
      await expectNothingAsked(scene(), async () => {
        for (const kind of ALL_FORGERIES) {
          const answer = await slack.http.forge(kind, believable(`forged: ${kind}`));
          expect([kind, answer.status, answer.body]).toEqual([kind, 401, ""]);
        }
      });
      expect(await slack.http.challenge()).toMatchObject({ verified: true });
      expect((await slack.http.post(JSON.stringify(believable("not forged")))).status).toBe(200);
      await model.until(() => model.requests.some((request) => turnOf(request) === "not forged"));
    },
  );

  test("security-05: the very same signed bytes once more have no second effect", IN_TIME, async () => {
    const { slack, model } = scene();
    const user = slack.user("ann");
    const { ts } = slack.say({ channel: slack.dm(user), user, text: "a thread" });
    const body = JSON.stringify(believable("recorded and replayed", ts));
    const timestamps = await Promise.all([1, 2, 3].map(() => slack.http.post(body)));
    expect(timestamps.map(({ status }) => status)).toEqual([200, 200, 200]);
    // It may have become one turn with what began the thread.
    await model.until(() => model.requests.some((request) => turnOf(request).includes("recorded and replayed")));
    await slack.until(
      () => slack.botMessages(slack.dm(user)).some(({ shown }) => shown.includes("recorded and")),
      15_000,
    );
    await expectNothingAsked(scene(), () => slack.http.post(body));
    expect(slack.botMessages(slack.dm(user)).filter(({ shown }) => shown.includes("recorded and"))).toHaveLength(1);
  });
});

describe.each(["open", "allowlist"] as const)("people who are not let in, with ACCESS=%s", (access) => {
  const scene = sceneOf({ slack: {} });
  beforeAll(async () => {
    const { slack } = scene();
    const known = ["ann", ...Array.from({ length: 40 }, (_, no) => `sentinel${no}`)].map((name) => slack.user(name));
    const allowed = known.map(({ id }) => `slack:${slack.team.id}:${id}`).join(",");
    const env = access === "open" ? {} : { ALLOWED_USERS: allowed };
    await scene().start({ slack: "http", env: { ACCESS: access, ...env } });
  });

  const outsiders: Record<string, (slack: FakeSlack) => FakeUser> = {
    "a guest": (slack) => slack.user("gus", { kind: "guest" }),
    "somebody of another organisation": (slack) => slack.user("mallory", { team: slack.otherTeam("Evil") }),
    ...(access === "allowlist" ? { "a colleague who is not on the list": (slack) => slack.user("newcomer") } : {}),
  };

  test.each(Object.keys(outsiders))(
    "security-12: nothing that %s does reaches the model, or makes the bot speak where others read",
    IN_TIME,
    async (who) => {
      const { slack } = scene();
      const outsider = outsiders[who]!(slack);
      const ann = slack.user("ann");
      const channel = slack.channelNamed(`with ${who}`, { members: [ann, outsider], sharedWith: [outsider.team] });
      // A talk that is under way, in which the outsider writes.
      const stop = scene().model.script((request) =>
        turnOf(request).includes("tell me slowly")
          ? { text: "word ".repeat(400), chunkChars: 5, chunkEveryMs: 100 }
          : undefined,
      );
      const talk = new SlackVoice(scene(), "ann", { channel, user: ann });
      const running = await scene().requestFor("tell me slowly", () => talk.say("tell me slowly"));
      await slack.until(() => talk.shown().length === 1, 15_000);
      const answer = slack.botMessages(channel, talk.thread)[0]!;

      await expectNothingAsked(scene(), () =>
        doEverything(slack, outsider, { channel, thread: talk.thread!, answer: answer.ts }),
      );
      expect(running.closedAt, "the answer they wanted to end").toBe(null);
      expect(slack.botMessages(channel)).toEqual([answer]);
      expect(slack.ephemerals(channel).filter(({ shown }) => !shown.startsWith("I do not know you yet."))).toEqual([]);
      const inPrivate = slack.botMessages(slack.dm(outsider)).map(({ shown }) => shown);
      expect(inPrivate.filter((text) => !text.startsWith("I do not know you yet."))).toEqual([]);
      stop();
      slack.press({ channel, user: ann, ts: answer.ts });
      await slack.until(() => answer.shown.endsWith("⏹ Stopped."), 20_000);
    },
  );

  test(
    "security-14: what other apps say, and what the bot itself says and edits, starts nothing",
    IN_TIME,
    async () => {
      const { slack } = scene();
      const bot = slack.user("other-app", { kind: "bot" });
      const channel = slack.channelNamed("bots");
      const talk = new SlackVoice(scene(), "ann", { channel, user: slack.user("ann") });
      await converse(scene(), talk, "hello, are you a bot?");
      await expectNothingAsked(scene(), () => {
        slack.say({ channel, user: bot, text: "tell me everything", mention: true });
        slack.say({ channel, user: bot, text: "tell me everything", thread: talk.thread! });
        slack.say({ channel, user: bot, text: "stop", mention: true });
        const [ours] = slack.botMessages(channel);
        const message = { type: "message", channel: channel.id, channel_type: "channel", user: slack.bot.id };
        slack.sendEvent(
          { ...message, ts: ours!.ts, text: `<@${slack.bot.id}> again`, thread_ts: talk.thread },
          channel,
        );
        slack.sendEvent(
          { ...message, type: "app_mention", ts: "1700000000.000100", text: `<@${slack.bot.id}> hi` },
          channel,
        );
      });
      expect(slack.botMessages(channel)).toHaveLength(1);
    },
  );
});

/** Everything that somebody can make Slack send, in private, in a channel and in a thread where the bot answers. */
async function doEverything(
  slack: FakeSlack,
  user: FakeUser,
  { channel, thread, answer }: { channel: FakeChannel; thread: string; answer: string },
): Promise<void> {
  const dm = slack.dm(user);
  const group = slack.groupDm([user, slack.user("ann")]);
  for (const place of [dm, channel, group]) {
    const { ts } = slack.say({ channel: place, user, text: "tell me everything", mention: true });
    slack.edit({ channel: place, ts, text: "tell me even more", wire: `<@${slack.bot.id}> tell me even more` });
    slack.say({ channel: place, user, text: "and this", mention: true, files: [{ name: "x.txt" }] });
    slack.say({ channel: place, user, text: "in a thread", thread: ts });
    for (const word of ["new", "stop", "status", "sessions", "help", "start", "approve"]) {
      slack.say({ channel: place, user, text: word, mention: place !== dm });
      slack.slash({ channel: place, user, command: `/parley ${word}` });
    }
    slack.remove(place, ts);
  }
  slack.say({ channel, user, text: "and me?", thread });
  slack.say({ channel, user, text: "and me, for all to read?", thread, broadcast: true });
  slack.say({ channel, user, text: "stop", thread, mention: true });
  slack.press({ channel, user, ts: answer });
  slack.stopSession({ channel, user, thread, force: true });
  slack.openHome(user, "home");
  slack.openHome(user, "messages");
  const item = { type: "message", channel: channel.id, ts: answer };
  for (const type of ["reaction_added", "reaction_removed"]) {
    slack.sendEvent(
      { type, user: user.id, reaction: "thumbsup", item, item_user: slack.bot.id, event_ts: "1.2" },
      channel,
    );
  }
  for (const type of [
    "member_joined_channel",
    "pin_added",
    "link_shared",
    "app_context_changed",
    "assistant_thread_started",
    "function_executed",
    "a_kind_of_next_year",
  ]) {
    slack.sendEvent(
      { type, user: user.id, channel: channel.id, text: `<@${slack.bot.id}> hello`, event_ts: "1.3" },
      channel,
    );
  }
  for (const type of [
    "view_submission",
    "view_closed",
    "shortcut",
    "message_action",
    "block_suggestion",
    "block_actions",
    "a_kind_of_next_year",
  ]) {
    const payload = interaction(slack, user, type, { channel, thread, answer });
    const sent = await slack.http.post(new URLSearchParams({ payload: JSON.stringify(payload) }).toString(), {
      type: FORM,
    });
    expect([type, sent.status]).toEqual([type, 200]);
  }
}

function interaction(
  slack: FakeSlack,
  user: FakeUser,
  type: string,
  { channel, thread, answer }: { channel: FakeChannel; thread: string; answer: string },
): object {
  return {
    type,
    user: { id: user.id, name: user.name, team_id: user.team.id },
    team: { id: slack.team.id },
    api_app_id: slack.app.appId,
    trigger_id: `${Date.now()}.1.${type}${user.id}`,
    container: { type: "message", channel_id: channel.id, message_ts: answer, thread_ts: thread },
    channel: { id: channel.id },
    message: { ts: answer, thread_ts: thread, text: "tell me everything" },
    view: { callback_id: "approve", private_metadata: "approved" },
    callback_id: type === "message_action" ? "parley_ask" : "approve",
    action_ts: `${Math.floor(Date.now() / 1000)}.000001`,
    actions: [{ type: "button", action_id: "approve", value: "approved", action_ts: "1.4" }],
  };
}
