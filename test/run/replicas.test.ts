import { afterEach, beforeEach, expect, it } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { UserId } from "../../src/ids.ts";
import type { FollowItem } from "../../src/talk/agent-service.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  await database.drop();
});

async function start(options: Omit<Parameters<typeof startTestGateway>[0], "url">): Promise<TestGateway> {
  const started = await startTestGateway({ url: database.url, ...options });
  running.push(started);
  return started;
}

async function leave(gateway: TestGateway): Promise<void> {
  running = running.filter((each) => each !== gateway);
  await gateway.stop(0);
}

function answers(): ReturnType<typeof scriptedModel> {
  return scriptedModel(...Array.from({ length: 400 }, () => "Answer."));
}

interface Reader {
  items: FollowItem[];
  stop(): Promise<void>;
}

/** Reads a session; with `cuts`, stops after every few items and resumes from the cursor. */
function read({ gateway }: TestGateway, user: UserId, session: string, cuts = 0): Reader {
  const items: FollowItem[] = [];
  const end = new AbortController();
  const reading = (async () => {
    let after = "";
    for (let cut = 0; !end.signal.aborted; cut++) {
      const part = new AbortController();
      const signal = AbortSignal.any([end.signal, part.signal]);
      let count = 0;
      for await (const item of await gateway.service.getMessages(user, session, { follow: true, signal, after })) {
        items.push(item);
        after = item.cursor;
        count += 1;
        if (cut < cuts && count === 2) part.abort();
      }
    }
  })();
  return {
    items,
    async stop() {
      end.abort();
      await reading;
    },
  };
}

/** What must be the same for every reader: what happened in runs and what became history, in order. */
function story(reader: Reader): string[] {
  return reader.items.flatMap((item) => {
    if (item.kind === "event")
      return [`${item.runId} ${item.attempt}.${item.n} ${item.type} ${JSON.stringify(item.data)}`];
    return item.kind === "message" ? [`${item.seq} ${textOf(item.message)}`] : [];
  });
}

it("shows readers on both replicas the same story, through cuts and a hand-over in the middle of an answer", async () => {
  const never = hold();
  const first = await start({ model: scriptedModel(["Half of the answ", never]) });
  const ann = await first.gateway.service.actFor("ann");
  const session = (await first.gateway.service.createTalkSession(ann)).id;
  await first.gateway.service.addMessage(ann, session, { text: "one" });
  await never.reached;
  const second = await start({ model: scriptedModel(["The whole", " answer."], ["And", " more", "."]) });
  const readers = [read(second, ann, session), read(second, ann, session, 20), read(second, ann, session, 5)] as const;
  await until("the half", () => readers.every((reader) => reader.items.length >= 4));
  await leave(first);
  const answered = (count: number) => async () =>
    readers.every((reader) => reader.items.filter((item) => item.kind === "message").length === count);
  await until("the answer", answered(2));
  await second.gateway.service.addMessage(ann, session, { text: "two" });
  await until("the second answer", answered(4));
  for (const reader of readers) await reader.stop();
  expect(story(readers[1])).toEqual(story(readers[0]));
  expect(story(readers[2])).toEqual(story(readers[0]));
  const said = readers[0].items.flatMap((item) =>
    item.kind === "event" && item.attempt === 2 && item.type === "text.delta" ? [String(item.data["text"])] : [],
  );
  expect(said.join("")).toBe("The whole answer.");
  expect(readers[0].items.filter((item) => item.kind === "event").map((item) => item.type)).toContain("run.restarted");
});

it("begins the attempt that only ends a run like any other, with what the one before had said", async () => {
  const never = hold();
  const first = await start({ model: scriptedModel(["Half of it", never]) });
  const ann = await first.gateway.service.actFor("ann");
  const session = (await first.gateway.service.createTalkSession(ann)).id;
  await first.gateway.service.addMessage(ann, session, { text: "one" });
  await never.reached;
  const idle = await start({ model: scriptedModel(), slots: 0 });
  await leave(first);
  await idle.gateway.service.stop(ann, session);
  const reader = read(idle, ann, session);
  await start({ model: scriptedModel() });
  await until("the end", () => reader.items.filter((item) => item.kind === "message").length === 2);
  await reader.stop();
  const told = reader.items.flatMap((item) =>
    item.kind === "event" && item.attempt === 2 ? [[item.type, item.data["text"]]] : [],
  );
  expect(told).toEqual([
    ["run.restarted", undefined],
    ["text.delta", "Half of it"],
    ["run.cancelled", undefined],
  ]);
  const answer = reader.items.at(-1);
  expect(answer?.kind === "message" && textOf(answer.message)).toBe("Half of it");
});

it("goes on in the same message on another replica when one leaves in the middle", async () => {
  const platform = new FakePlatform();
  const other = new FakePlatform();
  const never = hold();
  const first = await start({ model: scriptedModel(["This half was shown before", never]), adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  await until("a first text", () => platform.messages("7").length === 1);
  const messageId = platform.messages("7")[0]!.messageId;
  await start({ model: scriptedModel("This half was shown before and this is the rest."), adapters: [other] });
  const edits: string[] = [];
  other.editing.edit = async (at, page) => {
    expect(at.messageId).toBe(messageId);
    edits.push(page.text);
  };
  await leave(first);
  await until("the whole text", () => edits.at(-1) === "This half was shown before and this is the rest.");
  expect(other.messages("7")).toEqual([]);
});

it("stops a run that another replica runs, and tells its model", async () => {
  const never = hold();
  const model = scriptedModel(["Something", never]);
  const first = await start({ model });
  const ann = await first.gateway.service.actFor("ann");
  const session = (await first.gateway.service.createTalkSession(ann)).id;
  await first.gateway.service.addMessage(ann, session, { text: "one" });
  await never.reached;
  const second = await start({ model: scriptedModel() });
  await second.gateway.service.stop(ann, session);
  await until("the model's stream to be closed", () => model.open === 0);
  await until("the partial in the history", async () => {
    const items: FollowItem[] = [];
    for await (const item of await second.gateway.service.getMessages(ann, session)) items.push(item);
    return items.some((item) => item.kind === "message" && item.message.status === "interrupted");
  });
});

it("gives each input of 200 mixed calls to one run, in an order without gaps and without overlap", async () => {
  const platform = new FakePlatform();
  const replicas = [
    await start({ model: answers(), adapters: [platform] }),
    await start({ model: answers() }),
  ] as const;
  await platform.listening();
  const { service } = replicas[0].gateway;
  const ann = await service.actFor("ann");
  const session = (await service.createTalkSession(ann)).id;
  const ids: string[] = [];
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const { gateway } = replicas[index % 2]!;
      if (index % 10 === 3) await gateway.service.stop(ann, session);
      else if (index % 10 === 5) await gateway.service.createTalkSession(ann);
      else if (index % 10 === 7) for await (const item of await gateway.service.getMessages(ann, session)) void item;
      else ids.push((await gateway.service.addMessage(ann, session, { text: `m${index}` })).messageId);
    }),
  );
  const { db } = replicas[0].database;
  await until(
    "all work to be done",
    async () => (await db.selectFrom("lanes").select("session_id").execute()).length === 0,
    20_000,
  );
  const inbox = await db
    .selectFrom("inbox")
    .select(["message_id", "state", "run_id", "arrival_no"])
    .where("session_id", "=", session)
    .execute();
  expect(inbox.map((row) => row.message_id).toSorted()).toEqual(ids.toSorted());
  expect(inbox.every((row) => (row.state === "taken" ? row.run_id !== null : row.state === "withdrawn"))).toBe(true);
  const seqs = await db.selectFrom("messages").select("seq").where("session_id", "=", session).orderBy("seq").execute();
  expect(seqs.map((row) => row.seq)).toEqual(seqs.map((_, index) => index + 1));
  const head = await db
    .selectFrom("talk_sessions")
    .select("head_seq")
    .where("id", "=", session)
    .executeTakeFirstOrThrow();
  expect(head.head_seq).toBe(seqs.length);
  const runs = await db
    .selectFrom("runs")
    .select(["started_at", "ended_at"])
    .where("session_id", "=", session)
    .orderBy("started_at")
    .execute();
  expect(runs.slice(1).every((run, index) => run.started_at >= runs[index]!.ended_at!)).toBe(true);
});

it("makes one user and one session of twenty first messages of a chat at two replicas", async () => {
  const platforms = [new FakePlatform(), new FakePlatform()] as const;
  const first = await start({ model: answers(), adapters: [platforms[0]] });
  const second = await start({ model: answers(), adapters: [] });
  await platforms[0].listening();
  const accept = second.gateway.intake;
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0
        ? platforms[0].say({ chat: "9", from: "9", text: `m${index}`, key: `k${index}` })
        : accept.accept({
            kind: "message",
            account: platforms[0].account,
            key: `k${index}`,
            place: { kind: "private", chat: "9", thread: "", title: "" },
            sender: { id: "9", name: "Nora" },
            messageId: `m${index}`,
            text: `m${index}`,
            addressed: true,
            writtenAt: Date.now(),
          }),
    ),
  );
  const { db } = first.database;
  expect(await db.selectFrom("users").selectAll().execute()).toHaveLength(1);
  expect(await db.selectFrom("talk_sessions").selectAll().execute()).toHaveLength(1);
  expect(await db.selectFrom("inbox").selectAll().execute()).toHaveLength(20);
});
