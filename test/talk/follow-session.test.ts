import { setTimeout as sleep } from "node:timers/promises";
import { type KyselyPlugin, sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newId, type UserId } from "../../src/ids.ts";
import { Hints } from "../../src/run/hints.ts";
import { saveHistory } from "../../src/store/change-session.ts";
import { findSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import type { AgentService, FollowItem } from "../../src/talk/agent-service.ts";
import { followSession } from "../../src/talk/follow-session.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const model = scriptedModel();
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let gateway: TestGateway;
let service: AgentService;
let ann: UserId;

beforeAll(async () => {
  database = await createTestDatabase();
  gateway = await startTestGateway({ url: database.url, model });
  service = gateway.gateway.service;
  ann = await service.actFor("ann");
});
afterAll(async () => {
  await gateway.stop(0);
  await database.drop();
});

/** Counts statements, and how much the largest answer held. */
function watch(): KyselyPlugin & { statements: number; mostChars: number } {
  return {
    statements: 0,
    mostChars: 0,
    transformQuery({ node }) {
      this.statements++;
      return node;
    },
    async transformResult({ result }) {
      this.mostChars = Math.max(this.mostChars, JSON.stringify(result.rows).length);
      return result;
    },
  };
}

/** Reads until the condition holds. */
async function readUntil(items: AsyncIterable<FollowItem>, isLast: (item: FollowItem) => boolean) {
  const read: FollowItem[] = [];
  for await (const item of items) {
    read.push(item);
    if (isLast(item)) break;
  }
  return read;
}

async function insertHistory(session: string, length: number, chars: number): Promise<void> {
  const run = newId("run");
  await sql`insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
            select ${session}, n, 'msg_' || n, ${run}, n, 'user',
                   jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('x', ${chars}::int))), 'complete'
            from generate_series(1, ${length}::int) n`.execute(gateway.database.db);
  await sql`update talk_sessions set head_seq = ${length} where id = ${session}`.execute(gateway.database.db);
}

it("asks the database ever more rarely while nothing happens", async () => {
  const { id } = await service.createTalkSession(ann);
  const session = (await findSession(gateway.database.db, ann, id))!;
  const seen = watch();
  const end = new AbortController();
  const options = { follow: true, signal: end.signal };
  const items = await followSession(
    (look) => look(gateway.database.db.withPlugin(seen)),
    new Hints(),
    session,
    options,
  );
  const reading = readUntil(items, () => false);
  await sleep(4_200);
  end.abort();
  await reading;
  expect(seen.statements).toBeLessThan(15);
});

it("refuses a cursor from beyond the session's end: what came next would be hidden", async () => {
  const { id } = await service.createTalkSession(ann);
  await expect(service.getMessages(ann, id, { after: "7.3.0" })).rejects.toMatchObject({ code: "invalid" });
  await insertHistory(id, 7, 1);
  await service.getMessages(ann, id, { after: "7.3.0" });
});

it("waits for no run that a cursor names and this session does not have", async () => {
  const { id } = await service.createTalkSession(ann);
  const foreign = Array.from({ length: 10 }, () => `${newId("run")}@1.3`).join(" ");
  const signal = AbortSignal.timeout(5_000);
  const items = await service.getMessages(ann, id, { after: `0.0.0 ${foreign}`, follow: true, signal });
  model.push("Hello.");
  await service.addMessage(ann, id, { text: "hi" });
  const read = await readUntil(items, (item) => item.kind === "message" && item.seq === 2);
  expect(read.filter(({ kind }) => kind === "message")).toHaveLength(2);
  expect(read.some((item) => item.kind === "event" && item.type === "run.completed")).toBe(true);
});

it("shows a history that an agent keeps, however often that was written anew meanwhile", async () => {
  const { id } = await service.createTalkSession(ann);
  const items = await service.getMessages(ann, id, { follow: true, signal: AbortSignal.timeout(5_000) });
  for (let version = 1; version <= 10; version += 1) {
    const original = { role: "user", content: `version ${version}` };
    const parts = [{ type: "text" as const, text: original.content }];
    await withTransaction(gateway.database.db, (trx) =>
      saveHistory(trx, { session: id, agent: "keeper" }, [{ role: "user", parts, original }]),
    );
  }
  const read = await readUntil(items, ({ kind }) => kind === "message");
  expect(read).toMatchObject([{ kind: "message", original: { content: "version 10" } }]);
});

it("holds little of a history of large messages for a reader that does not read on, and shows all of it to one that does", async () => {
  const { id } = await service.createTalkSession(ann);
  await insertHistory(id, 60, 200_000);
  const session = (await findSession(gateway.database.db, ann, id))!;
  const seen = watch();
  const items = await followSession((look) => look(gateway.database.db.withPlugin(seen)), new Hints(), session, {
    follow: true,
  });
  const reader = items[Symbol.asyncIterator]();
  await reader.next();
  expect(seen.mostChars).toBeLessThan(5_000_000);
  const seqs = [1];
  while (seqs.length < 60) {
    const { value } = (await reader.next()) as { value: FollowItem };
    if (value.kind === "message") seqs.push(value.seq);
  }
  expect(seqs).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  expect(seen.mostChars).toBeLessThan(5_000_000);
  await reader.return?.();
});
