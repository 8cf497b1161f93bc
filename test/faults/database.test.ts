import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { errorCode } from "../../src/errors.ts";
import type { MessageId } from "../../src/ids.ts";
import type { Database } from "../../src/store/database.ts";
import { type ArrivingMessage, acceptKnown } from "../../src/store/inbox.ts";
import { migrateToLatest } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { retrying, withTransaction } from "../../src/store/transaction.ts";
import { ME, newTalk, say, type Talk } from "../store/arrange.ts";
import { startPostgres } from "../support/postgres.ts";
import type { PostgresServer } from "../support/postgres-server.ts";
import { silentLog } from "../support/store-engines.ts";

const CONNECTIONS = 6;

let server: PostgresServer;
let database: Database;
let talks: Talk[];

beforeEach(async () => {
  server = await startPostgres({ fsync: true });
  database = openPostgres(server.url, silentLog, CONNECTIONS);
  await migrateToLatest(database.db);
  talks = await Promise.all(Array.from({ length: CONNECTIONS }, () => newTalk(database.db)));
});

afterEach(async () => {
  server.thaw();
  await database.close();
  await server.stop();
});

/** Accepts messages in every session, one after another, until `end`; what was refused is offered again. */
class Writers {
  readonly accepted: MessageId[] = [];
  readonly refusals: unknown[] = [];
  #ended = false;
  readonly #done: Promise<unknown>;

  constructor() {
    this.#done = Promise.all(talks.map((talk) => this.#write(talk)));
  }

  async #write(talk: Talk): Promise<void> {
    while (!this.#ended) {
      const message = say(talk);
      while (!(await this.#offer(message)) && !this.#ended) await sleep(20);
    }
  }

  async #offer(message: ArrivingMessage): Promise<boolean> {
    try {
      const [arrival] = await retrying(() => acceptKnown(database.db, [message], ME));
      this.accepted.push(arrival!.messageId);
      return true;
    } catch (error) {
      this.refusals.push(error);
      return false;
    }
  }

  async more(count: number, deadlineMs: number): Promise<void> {
    const enough = this.accepted.length + count;
    await until(() => this.accepted.length >= enough, deadlineMs);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#done;
  }
}

/** Every message that was acknowledged is there once, and a session's arrival numbers have no gap or double. */
async function expectNothingLost(writers: Writers): Promise<void> {
  const rows = await database.db.selectFrom("inbox").select(["message_id", "session_id", "arrival_no"]).execute();
  const stored = new Set(rows.map((row) => row.message_id));
  expect(writers.accepted.filter((id) => !stored.has(id))).toEqual([]);
  expect(stored.size).toBe(rows.length);
  for (const talk of talks) {
    const numbers = rows.filter((row) => row.session_id === talk.id).map((row) => row.arrival_no!);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
  }
}

describe("a database that goes away under load", () => {
  test("fault-07: an immediate restart loses nothing accepted, refuses with `unavailable`, and is over within 3 s", async () => {
    const writers = new Writers();
    await writers.more(200, 20_000);
    await server.restart();
    await writers.more(200, 3_000);
    await writers.end();
    expect(writers.refusals.filter((error) => errorCode(error) !== "unavailable")).toEqual([]);
    await expectNothingLost(writers);
  });

  test("fault-08: kill -9 of Postgres loses nothing accepted; the pool works again within 3 s of its return", async () => {
    const writers = new Writers();
    await writers.more(200, 20_000);
    await server.kill();
    await until(() => writers.refusals.length > 0, 10_000);
    await server.restart();
    await writers.more(200, 3_000);
    await writers.end();
    expect(writers.refusals.filter((error) => errorCode(error) !== "unavailable")).toEqual([]);
    await expectNothingLost(writers);
  });

  test("fault-11: a frozen database is refused by deadlines, its connections are not used again, and it goes on after", async () => {
    const before = await connectionsInUse();
    server.freeze();
    const frozenAt = performance.now();
    const single = retrying(() => sql`select 1`.execute(database.db));
    const several = withTransaction(database.db, (trx) => sql`select 1`.execute(trx));
    // As many as there are connections hang in their queries; those beyond wait for a connection in vain.
    const many = Array.from({ length: 3 * CONNECTIONS }, () => retrying(() => sql`select 1`.execute(database.db)));
    const results = await Promise.allSettled([single, several, ...many]);
    const tookMs = performance.now() - frozenAt;
    expect(results.map((result) => result.status === "rejected" && errorCode(result.reason))).toEqual(
      results.map(() => "unavailable"),
    );
    expect(tookMs).toBeLessThan(16_000);
    server.thaw();
    const after = await connectionsInUse();
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    const writers = new Writers();
    await writers.more(200, 3_000);
    await writers.end();
    expect(writers.refusals).toEqual([]);
  });

  test("fault-11: a listener and the pool can be closed while the database is frozen", async () => {
    const end = new AbortController();
    const listening = database.listen!(() => {}, end.signal);
    await until(async () => (await listeners()) === 1, 5_000);
    server.freeze();
    end.abort();
    const closed = Promise.all([listening, database.close()]);
    await expect(Promise.race([closed.then(() => "closed"), sleep(3_000, "hangs")])).resolves.toBe("closed");
  });

  test("fault-11: a statement that is too slow ends by its own deadline, and its connection with it", async () => {
    const one = openPostgres(server.url, silentLog, 1);
    const pid = async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(one.db)).rows[0]!.pid;
    const first = await pid();
    const slow = retrying(() => sql`select pg_sleep(30)`.execute(one.db));
    await expect(slow).rejects.toMatchObject({ code: "unavailable", cause: { code: "57014" } });
    expect(await pid()).not.toBe(first);
    await one.close();
  });

  test("a pool whose connections are all taken refuses with `unavailable` instead of queueing for ever", async () => {
    const one = openPostgres(server.url, silentLog, 1);
    const { promise: hold, resolve: release } = Promise.withResolvers<void>();
    const holder = withTransaction(one.db, () => hold);
    await expect(retrying(() => sql`select 1`.execute(one.db))).rejects.toMatchObject({ code: "unavailable" });
    release();
    await holder;
    expect((await sql`select 1 as one`.execute(one.db)).rows).toEqual([{ one: 1 }]);
    await one.close();
  });
});

/** The backends of all connections of the pool, each in a transaction of its own at the same time. */
async function connectionsInUse(): Promise<number[]> {
  let open = 0;
  const { promise: all, resolve: allOpen } = Promise.withResolvers<void>();
  return Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      withTransaction(database.db, async (trx) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
        if ((open += 1) === CONNECTIONS) allOpen();
        await all;
        return rows[0]!.pid;
      }),
    ),
  );
}

async function listeners(): Promise<number> {
  const { rows } = await sql`select 1 from pg_stat_activity where query like 'listen %'`.execute(database.db);
  return rows.length;
}

async function until(done: () => boolean | Promise<boolean>, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`it did not come true within ${deadlineMs} ms`);
    await sleep(10);
  }
}
