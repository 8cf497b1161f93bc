import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { beginErasure, eraseNext } from "../../src/store/erasures.ts";
import { exportPerson } from "../../src/store/export-person.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import type { UserId } from "../../src/ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { silentLog } from "../support/store-engines.ts";

const MESSAGES = 100_000;
/** What is still in use between two batches; all of the messages are 60 MB as text. */
const BOUND_MB = 16;
/** Collecting costs more than a batch. */
const LOOK_EVERY = 100;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let store: ReturnType<typeof openPostgres>;
let user: UserId;

beforeAll(async () => {
  database = await createTestDatabase();
  store = openPostgres(database.url, silentLog, 2);
  user = (await upsertIdentity(store.db, "telegram", "7", "Ann CANARY")).userId;
  // Four of five are in one talk in private, the rest in a group.
  await sql`insert into users (id, kind) values ('usr_group', 'place')`.execute(store.db);
  await sql`
    insert into places (id, account_id, chat, thread, kind, user_id, session_id)
    values ('plc_1', 'telegram:1', '7', '', 'private', ${user}, 'ses_1'),
           ('plc_2', 'telegram:1', '-1', '', 'group', 'usr_group', 'ses_2')`.execute(store.db);
  await sql`
    insert into talk_sessions (id, user_id, agent, place_id, head_seq)
    values ('ses_1', ${user}, 'demo', 'plc_1', ${MESSAGES}), ('ses_2', 'usr_group', 'demo', 'plc_2', ${MESSAGES})
  `.execute(store.db);
  await sql`
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status, author)
    select case when n % 5 = 0 then 'ses_2' else 'ses_1' end, n, 'msg_' || n, 'run_' || n, 0, 'user',
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'CANARY ' || n || repeat(' word', 100))),
           'complete', case when n % 5 = 0 then '{"id": "7", "name": "Ann CANARY"}'::jsonb end
    from generate_series(1, ${MESSAGES}) n`.execute(store.db);
  await sql`analyze messages`.execute(store.db);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

/** Runs it, and gives by how many MB more was held meanwhile than before. */
async function heldBy(work: (look: () => void) => Promise<void>): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const held = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  let most = before;
  let looks = 0;
  await work(() => {
    looks += 1;
    if (looks % LOOK_EVERY === 0) most = Math.max(most, held());
  });
  expect(looks).toBeGreaterThan(LOOK_EVERY);
  return (most - before) / 1024 / 1024;
}

describe("security-45: a person with 100,000 messages", () => {
  it("is exported whole in bounded memory", async () => {
    const counts: Record<string, number> = {};
    const held = await heldBy(async (look) => {
      for await (const page of exportPerson(store.db, user)) {
        for (const { type } of page) counts[type] = (counts[type] ?? 0) + 1;
        look();
      }
    });
    expect(counts).toMatchObject({ manifest: 1, identity: 1, session: 1, message: MESSAGES, end: 1 });
    expect(held).toBeLessThan(BOUND_MB);
  }, 60_000);

  it("is erased whole in bounded memory", async () => {
    await withTransaction(store.db, (trx) => beginErasure(trx, user));
    const held = await heldBy(async (look) => {
      const goOn = async (): Promise<boolean> => {
        look();
        return true;
      };
      expect(await eraseNext(store.db, goOn)).toMatchObject({ user });
    });
    const { rows } = await sql<{ left: number; kept: number }>`
      select count(*) filter (where m::text like '%CANARY%') as left, count(*) as kept from messages m
    `.execute(store.db);
    expect(rows).toEqual([{ left: 0, kept: MESSAGES / 5 }]);
    expect(held).toBeLessThan(BOUND_MB);
  }, 60_000);
});
