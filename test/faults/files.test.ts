import { it } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { contentText } from "../fakes/model/script.ts";
import type { FakeChat, FakeUser } from "../fakes/telegram/chats.ts";
import { TINY_JPEG } from "../fakes/telegram/files.ts";
import { Stage } from "../support/chaos/stage.ts";
import { until } from "../support/test-gateway.ts";

const ALBUM = 5;
const words = Array.from({ length: 2_500 }, (_, at) => `w${String(at).padStart(4, "0")}`);
const parts = Array.from({ length: 4 }, (_, at) => words.slice(at * 640, at * 640 + 640).join(" "));

/** Everything that somebody sent in one go, as the model was asked about it. */
function everythingIn(request: JournalEntry | undefined): { text: string; pictures: number } {
  const said = request?.messages.filter(({ role }) => role === "user") ?? [];
  const contents: unknown[] = said.flatMap(({ content }) => (Array.isArray(content) ? (content as unknown[]) : []));
  const pictures = contents.filter((part) => (part as { type?: string }).type === "image_url").length;
  return { text: said.map((message) => contentText(message)).join("\n"), pictures };
}

interface Burst {
  name: string;
  say: (stage: Stage, chat: FakeChat, from: FakeUser) => void;
  holds: string[];
  pictures: number;
}

const bursts: Burst[] = [
  {
    name: "an album of five pictures",
    say: ({ telegram }, chat, from) => {
      for (let at = 0; at < ALBUM; at++)
        telegram.say({ chat, from, text: at === 0 ? "look" : "", mediaGroupId: "album" });
    },
    holds: ["look"],
    pictures: ALBUM,
  },
  {
    name: "a paste of 15,000 characters",
    say: ({ telegram }, chat, from) => {
      for (const text of parts) telegram.say({ chat, from, text: text.padEnd(4_000, ".") });
    },
    holds: words,
    pictures: 0,
  },
  {
    name: "a forwarded burst",
    say: ({ telegram }, chat, from) => {
      for (const text of ["first", "second", "third"]) telegram.say({ chat, from, text, forwarded: true });
    },
    holds: ["first", "second", "third"],
    pictures: 0,
  },
];

it.concurrent.for(bursts)(
  "$name is one run with everything in it, also with a kill -9 before its answer",
  async (burst, test) => {
    const { expect } = test;
    const stage = await Stage.open({ model: { words: 20, ttftMs: 600_000 } }, test);
    await stage.startTwo();
    const ann = stage.telegram.user(7, "Ann");
    const chat = stage.telegram.privateChat(ann);
    burst.say(stage, chat, ann);
    await stage.model.until(() => stage.model.requests.length === 1, 20_000);
    const fetched = () => stage.telegram.journal.filter(({ method }) => method === "getFile").length;
    expect(fetched()).toBe(burst.pictures);
    stage.model.script(() => ({ ttftMs: 0 }));
    await stage.replicaOf(stage.model.requests[0]).process.kill();
    await stage.model.until(() => stage.model.requests.length === 2, 20_000);
    for (const request of stage.model.requests) {
      const { text, pictures } = everythingIn(request);
      expect(burst.holds.filter((held) => !text.includes(held))).toEqual([]);
      expect(pictures).toBe(burst.pictures);
    }
    await stage.botMessage(chat);
    expect(fetched()).toBe(burst.pictures);
    expect(await stage.rows("select 1 from runs")).toHaveLength(1);
  },
);

it.concurrent("fetches an album anew when its replica is killed while it fetches", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({ model: { words: 20 } }, test);
  await stage.startTwo();
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.telegram.fault({ kind: "stall", method: "getFile" });
  bursts[0]!.say(stage, chat, ann);
  await stage.telegram.until(() => stage.telegram.journal.some(({ method }) => method === "getFile"), 20_000);
  const [owner] = await stage.rows<{ pid: number }>("select r.pid from runs join replicas r on r.id = runs.owner");
  const victim = [...stage.replicas.values()].find((each) => each.process.pid === owner?.pid);
  await victim?.process.kill();
  await stage.model.until(() => stage.model.requests.length === 1, 20_000);
  expect(everythingIn(stage.model.requests[0]).pictures).toBe(ALBUM);
});

/** In a thread of a direct message that has been answered once. */
const slackBursts = [
  {
    name: "an album of five pictures",
    say: (send: (said: { text: string; files?: { name: string; mimetype: string; bytes: Buffer }[] }) => void) => {
      const names = Array.from({ length: ALBUM }, (_, at) => `beach${at}.jpg`);
      send({ text: "look", files: names.map((name) => ({ name, mimetype: "image/jpeg", bytes: TINY_JPEG })) });
    },
    holds: ["look"],
    pictures: ALBUM,
  },
  {
    name: "a paste of 15,000 characters",
    say: (send: (said: { text: string }) => void) => {
      for (const text of parts) send({ text: text.padEnd(4_000, ".") });
    },
    holds: words,
    pictures: 0,
  },
];

it.concurrent.for(slackBursts)(
  "$name on Slack is one run with everything in it, also with a kill -9 before its answer",
  async (burst, test) => {
    const { expect } = test;
    const stage = await Stage.open({ slack: { mode: "http" }, model: { words: 20 } }, test);
    const { slack, model } = stage;
    await stage.startTwo();
    const user = slack.user("Ann");
    const channel = slack.dm(user);
    const { ts: thread } = slack.say({ channel, user, text: "hello" });
    const isIdle = async () => (await stage.rows("select 1 from lanes")).length === 0;
    await slack.until(() => slack.botMessages(channel, thread)[0]?.shown.endsWith("word20"), 15_000);
    await until("the first answer to be over", isIdle);
    model.forget();
    model.script(() => ({ ttftMs: 600_000 }));
    burst.say((said) => void slack.say({ channel, user, thread, ...said }));
    await model.until(() => model.requests.length === 1, 20_000);
    model.script(() => ({ ttftMs: 0 }));
    await stage.replicaOf(model.requests[0]).process.kill();
    await model.until(() => model.requests.length === 2, 30_000);
    for (const request of model.requests) {
      const { text, pictures } = everythingIn(request);
      expect(burst.holds.filter((held) => !text.includes(held))).toEqual([]);
      expect(pictures).toBe(burst.pictures);
    }
    await slack.until(() => slack.botMessages(channel, thread)[1]?.shown.endsWith("word20"), 20_000);
    expect(await stage.rows("select 1 from runs")).toHaveLength(2);
  },
);
