import { expect, it } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { FakeChannel, FakeMessage } from "../fakes/slack/channels.ts";
import type { FakeUser } from "../fakes/slack/directory.ts";
import { lastUserText, type Replica, Stage } from "../support/chaos/stage.ts";
import { answerTo, measured } from "../support/chaos/verdict.ts";

const WORDS = 300;
/** Speaks for half a minute, so that nothing but the stop ends it. */
const LONG = { words: WORDS, chunkChars: 8, chunkEveryMs: 100 };
const SHORT = { words: 5, chunkChars: 1_000 };

interface Scene {
  stage: Stage;
  channel: FakeChannel;
  thread: string;
  ann: FakeUser;
  message: FakeMessage;
  request: JournalEntry;
  /** Does not run the answer; everything that ends it is sent there. */
  other: Replica;
}

type Place = "a direct message" | "a channel";

async function openStage(): Promise<Stage> {
  const stage = await Stage.open({ slack: { mode: "http" }, model: SHORT });
  await stage.startTwo();
  stage.model.script((request) =>
    lastUserText(request).includes("talk") ? { text: answerTo("the long one", WORDS), ...LONG } : undefined,
  );
  return stage;
}

/** An answer that one replica runs and shows, while Slack calls the other one. */
async function play(stage: Stage, place: Place, no: number): Promise<Scene> {
  const { slack, model } = stage;
  const ann = slack.user(`ann${no}`);
  const channel = place === "a channel" ? slack.channelNamed(`place${no}`) : slack.dm(ann);
  const before = model.requests.length;
  const { ts: thread } = slack.say({ channel, user: ann, text: `talk ${no}`, mention: place === "a channel" });
  const message = (await slack.until(() => slack.botMessages(channel, thread)[0], 15_000))!;
  await slack.until(() => message.versions.length >= 2, 15_000);
  const request = model.requests[before]!;
  const other = stage.other(stage.replicaOf(request));
  slack.http.sendTo(stage.slackUrls(other));
  return { stage, channel, thread, ann, message, request, other };
}

async function stopOverApi({ stage, channel, other }: Scene): Promise<void> {
  const [session] = await stage.rows<{ id: string; user_id: string }>(
    "select s.id, s.user_id from talk_sessions s join places p on p.session_id = s.id where p.chat = $1",
    [channel.id],
  );
  const answer = await other.process.api("POST", `/v1/sessions/${session!.id}/stop`, undefined, session!.user_id);
  expect(answer.status).toBe(202);
}

const say =
  (text: string, mention = false): Ending["send"] =>
  ({ stage, channel, thread, ann }) =>
    void stage.slack.say({ channel, user: ann, text, thread, mention });

const sayOutside =
  (text: string, mention = false): Ending["send"] =>
  ({ stage, channel, ann }) =>
    void stage.slack.say({ channel, user: ann, text, mention });

interface Ending {
  what: string;
  place: Place;
  send: (scene: Scene) => Promise<void> | void;
  interrupts?: boolean;
}

const ENDINGS: Ending[] = [
  {
    what: "/parley stop",
    place: "a channel",
    send: ({ stage, channel, ann }) => void stage.slack.slash({ channel, user: ann, command: "/parley stop" }),
  },
  { what: "the word after a mention", place: "a channel", send: say("stop", true) },
  { what: "the bare word", place: "a direct message", send: say("stop") },
  { what: "the bare word outside of the thread", place: "a direct message", send: sayOutside("stop") },
  { what: "the word after a mention outside of the thread", place: "a channel", send: sayOutside("stop", true) },
  {
    what: "the Stop button",
    place: "a channel",
    send: ({ stage, channel, ann, message }) => void stage.slack.press({ channel, user: ann, ts: message.ts }),
  },
  {
    what: "Slack's own stop",
    place: "a direct message",
    send: ({ stage, channel, thread, ann }) =>
      void stage.slack.stopSession({ channel, user: ann, thread, force: true }),
  },
  { what: "the API", place: "a channel", send: stopOverApi },
  { what: "a new message", place: "a channel", send: say("instead"), interrupts: true },
];

it("ends the model's answer within 1 s of a stop or a message to the other replica, and goes on", async () => {
  const stage = await openStage();
  for (const [no, { what, place, send, interrupts = false }] of ENDINGS.entries()) {
    const scene = await play(stage, place, no);
    const { request, message, channel, thread, ann } = scene;
    const sentAt = Date.now();
    await send(scene);
    await stage.model.until(() => request.closedAt !== null, 10_000);
    expect(request.closedBy, what).toBe("client");
    expect(measured(`${what}, until the model sees it`, request.closedAt! - sentAt)).toBeLessThan(1_000);

    const mark = interrupts ? "⏹ Interrupted." : "⏹ Stopped.";
    // Slack's limit of edits is the whole workspace's.
    await stage.slack.until(() => message.shown.endsWith(mark), 30_000);
    const versions = message.versions.length;
    const partial = message.shown.slice(0, -mark.length).trimEnd();
    expect(partial.length, what).toBeGreaterThan(0);
    expect(answerTo("the long one", WORDS).startsWith(partial), `${what}: ${partial}`).toBe(true);
    const question = interrupts ? "instead" : "next";
    if (!interrupts) await say("next")(scene);
    const answered = () =>
      stage.slack.botMessages(channel, thread).some(({ shown }) => shown.includes(question) && shown.endsWith("word5"));
    await stage.slack.until(answered, 30_000);
    expect(message.versions.length, `edits after the end by ${what}`).toBe(versions);
    expect(
      message.blocks?.some(({ type }) => type === "actions"),
      what,
    ).toBe(false);
    expect(stage.asked(`talk ${no}`)[0]).toBe(request);
    expect(ann.name).toBe(`ann${no}`);
  }
});

it("security-13: a press by somebody else, or the native stop by a stranger, ends nothing", async () => {
  const stage = await openStage();
  const { slack } = stage;
  const { channel, thread, message, request, ann } = await play(stage, "a channel", 90);
  const bob = slack.user("bob");
  const guest = slack.user("gus", { kind: "guest" });
  const outsider = slack.user("mallory", { team: slack.otherTeam("Evil") });
  for (const user of [bob, guest, outsider]) slack.press({ channel, user, ts: message.ts });
  for (const user of [guest, outsider]) {
    slack.stopSession({ channel, user, thread, force: true });
    slack.say({ channel, user, thread, text: "stop", mention: true });
    slack.slash({ channel, user, command: "/parley stop" });
  }
  slack.slash({ channel, user: bob, command: "/parley stop" });
  await slack.until(() => slack.pendingEvents === 0, 15_000);
  const versions = message.versions.length;
  await slack.until(() => message.versions.length > versions, 15_000);
  expect(request.closedAt).toBe(null);
  expect(slack.botMessages(channel, thread)).toEqual([message]);
  slack.press({ channel, user: ann, ts: message.ts });
  await slack.until(() => message.shown.endsWith("⏹ Stopped."), 30_000);
  expect(request.closedBy).toBe("client");
});
