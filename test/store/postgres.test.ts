import { sql } from "kysely";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import type { Arrival } from "../../src/store/inbox.ts";
import { notifySessions, readHint } from "../../src/store/notify.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import type { Db } from "../../src/store/schema.ts";
import { retrying, withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, silentLog } from "../support/store-engines.ts";
import { accept, ME, newTalk, OTHER, say } from "./arrange.ts";

onPostgres((store) => {
  test("bigints, counts and arrays are read as numbers and lists", async () => {
    const { rows } = await sql`select 2::bigint as a, count(*) as b, array['x', 'y'] as c from users`.execute(store.db);
    expect(rows).toEqual([{ a: 2, b: 0, c: ["x", "y"] }]);
  });

  test("a statement is planned once per connection", async () => {
    await withTransaction(store.db, async (trx) => {
      for (const name of ["a", "b", "c"]) await sql`select ${name}::text as found`.execute(trx);
      const { rows } = await sql<{ statement: string; uses: number }>`
        select statement, generic_plans + custom_plans as uses from pg_prepared_statements
        where statement like '%as found'`.execute(trx);
      expect(rows).toEqual([{ statement: "select $1::text as found", uses: 3 }]);
    });
  });

  test("security-42: the server ends statements that take too long, and transactions that stand still", async () => {
    const { rows } = await sql`
      select current_setting('statement_timeout') as statement,
             current_setting('idle_in_transaction_session_timeout') as idle`.execute(store.db);
    expect(rows).toEqual([{ statement: "8s", idle: "3s" }]);
  });

  test("a refused statement costs no connection, a broken one does", async () => {
    const one = openPostgres(store.url, silentLog, 1);
    const pid = async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(one.db)).rows[0]!.pid;
    const first = await pid();
    await expect(sql`select 1 / 0`.execute(one.db)).rejects.toMatchObject({ code: "22012" });
    expect(await pid()).toBe(first);
    await expect(sql`select pg_terminate_backend(pg_backend_pid())`.execute(one.db)).rejects.toMatchObject({
      code: "57P01",
    });
    expect(await pid()).not.toBe(first);
    await one.close();
  });

  test("fault-10: a connection to what has become read-only is given up, and the statement succeeds on another", async () => {
    const one = openPostgres(store.url, silentLog, 1);
    await sql`set session characteristics as transaction read only`.execute(one.db);
    const user = { id: newId("usr"), kind: "person" as const };
    await retrying(() => one.db.insertInto("users").values(user).execute());
    expect(await store.db.selectFrom("users").selectAll().execute()).toMatchObject([user]);
    await one.close();
  });

  test("a connection whose statement was cancelled in the middle does not return to the pool", async () => {
    const one = openPostgres(store.url, silentLog, 1);
    const pids: number[] = [];
    for (let round = 0; round < 2; round += 1) {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(one.db);
      pids.push(rows[0]!.pid);
      const hanging = sql`select pg_sleep(60)`.execute(one.db);
      const refused = expect(hanging).rejects.toMatchObject({ code: "57014" });
      await untilActive(store.db, rows[0]!.pid);
      await sql`select pg_cancel_backend(${rows[0]!.pid})`.execute(store.db);
      await refused;
    }
    expect(new Set(pids).size).toBe(2);
    await one.close();
  });

  test("fault-09: every connection is cut again and again under a load of accepts: none is refused, none doubled", async () => {
    const talks = await Promise.all(Array.from({ length: 8 }, () => newTalk(store.db)));
    const end = new AbortController();
    const arrivals: Arrival[] = [];
    const writers = talks.map(async (talk) => {
      for (let n = 0; !end.signal.aborted; n += 1) {
        const message = say(talk, `message ${n}`);
        const [arrival] = await retrying(() => accept(store.db, message));
        expect(["stored", "repeat"]).toContain(arrival!.outcome);
        expect(arrival!.messageId).toBe(message.messageId);
        arrivals.push(arrival!);
        await withTransaction(store.db, async (trx) => {
          await sql`update users set kind = 'person' where id = ${talk.userId}`.execute(trx);
          await sql`select 1`.execute(trx);
        });
      }
    });
    for (let cut = 0; cut < 5; cut += 1) {
      const before = arrivals.length;
      await cutAll(store.url);
      await until(() => arrivals.length > before + 40);
    }
    end.abort();
    await Promise.all(writers);
    const rows = await store.db.selectFrom("inbox").select(["message_id", "session_id", "arrival_no"]).execute();
    expect(rows.map((row) => row.message_id).toSorted()).toEqual(arrivals.map((row) => row.messageId).toSorted());
  });

  test("fault-09: the listener hears of other replicas again after its connection was cut", async () => {
    const database = openPostgres(store.url, silentLog, 2);
    const end = new AbortController();
    const heard: string[] = [];
    const listening = database.listen!((payload) => heard.push(payload), end.signal);
    const session = newId("ses");
    for (let cut = 0; cut < 3; cut += 1) {
      heard.length = 0;
      await until(async () => {
        await retrying(() => notifySessions(database.db, OTHER, [session]));
        await sleep(20);
        return heard.length > 0;
      });
      expect(readHint(heard[0]!, ME)).toEqual([session]);
      expect(readHint(heard[0]!, OTHER)).toEqual([]);
      await cutAll(store.url);
    }
    end.abort();
    await listening;
    await database.close();
  });

  test("the listener ends with its abort, also while there is no server", async () => {
    const nowhere = openPostgres("postgres://postgres@127.0.0.1:1/none", silentLog, 1);
    const end = new AbortController();
    const listening = nowhere.listen!(() => {}, end.signal);
    await sleep(50);
    end.abort();
    await listening;
    await expect(retrying(() => sql`select 1`.execute(nowhere.db))).rejects.toMatchObject({ code: "unavailable" });
    await nowhere.close();
  });
});

/** Ends every connection to the database, by way of one that ends itself last. */
async function cutAll(url: string): Promise<void> {
  const knife = openPostgres(url, silentLog, 1);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`.execute(knife.db);
  await knife.close();
}

async function untilActive(db: Db, pid: number): Promise<void> {
  await until(async () => {
    const { rows } = await sql`select 1 from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`.execute(
      db,
    );
    return rows.length > 0;
  });
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error("it did not come true in time");
    await sleep(5);
  }
}
