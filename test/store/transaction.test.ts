import { sql } from "kysely";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { errorCode, GatewayError } from "../../src/errors.ts";
import { newId, type UserId } from "../../src/ids.ts";
import type { Db } from "../../src/store/schema.ts";
import { isRetryable, retrying, translate, withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";

function sqlError(code: string): Error {
  return Object.assign(new Error(`SQLSTATE ${code}`), { code });
}

function system(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code, syscall: "connect" });
}

async function addUser(db: Db, id: UserId = newId("usr")): Promise<UserId> {
  await db.insertInto("users").values({ id, kind: "person" }).execute();
  return id;
}

const countUsers = async (db: Db) => (await db.selectFrom("users").selectAll().execute()).length;

storeEngines((store) => {
  describe("a transaction", () => {
    test("commits what its work returns with, and nothing of work that throws", async () => {
      const id = await withTransaction(store.db, (trx) => addUser(trx));
      const failing = withTransaction(store.db, async (trx) => {
        await addUser(trx);
        throw new Error("a bug");
      });
      await expect(failing).rejects.toThrow("a bug");
      expect(await store.db.selectFrom("users").select("id").execute()).toEqual([{ id }]);
    });

    test("inside another one throws", async () => {
      const nested = withTransaction(store.db, () => withTransaction(store.db, (trx) => addUser(trx)));
      await expect(nested).rejects.toThrow(/transaction inside a transaction/);
      expect(await countUsers(store.db)).toBe(0);
    });

    test.each([
      ["a built query", (root: Db): Promise<unknown> => countUsers(root)],
      ["raw SQL", (root: Db): Promise<unknown> => sql`select 1`.execute(root)],
    ])("refuses %s on the root connection inside of it", async (_name, query) => {
      const wrong = withTransaction(store.db, async (trx) => {
        await addUser(trx);
        await query(store.db);
      });
      await expect(wrong).rejects.toThrow(/root connection/);
      expect(await countUsers(store.db)).toBe(0);
    });

    test("lets the root connection be used beside it", async () => {
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const transaction = withTransaction(store.db, async (trx) => {
        await addUser(trx);
        begin();
      });
      await begun;
      await Promise.all([addUser(store.db), transaction]);
      expect(await countUsers(store.db)).toBe(2);
    });

    test.each(["40001", "40P01", "57P01", "08006", "25006"])("is repeated from the start after %s", async (code) => {
      let rounds = 0;
      await withTransaction(store.db, async (trx) => {
        await addUser(trx);
        if ((rounds += 1) < 3) throw sqlError(code);
      });
      expect([rounds, await countUsers(store.db)]).toEqual([3, 1]);
    });

    test("gives up after a few rounds with `unavailable`, cause kept", async () => {
      let rounds = 0;
      const work = withTransaction(store.db, () => Promise.reject(((rounds += 1), sqlError("40001"))));
      const error = await work.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "unavailable", cause: { code: "40001" } });
      expect(rounds).toBe(4);
    });

    test("is not repeated after a violated constraint, which passes as it is", async () => {
      const id = await addUser(store.db);
      let rounds = 0;
      const twice = withTransaction(store.db, (trx) => addUser(trx, ((rounds += 1), id)));
      await expect(twice).rejects.toMatchObject({ code: "23505" });
      expect(rounds).toBe(1);
    });
  });

  test("a database error is `internal` to callers when it is a bug, and no person reads it", async () => {
    const bug = retrying(() => sql`select nonsense`.execute(store.db));
    expect(errorCode(await bug.catch((reason: unknown) => reason))).toBe("internal");
  });
});

describe("an error", () => {
  test.each([
    sqlError("40001"),
    sqlError("40P01"),
    sqlError("08006"),
    sqlError("57P01"),
    sqlError("57P03"),
    sqlError("25006"),
    sqlError("25P03"),
    sqlError("25P04"),
    sqlError("0A000"),
    system("ECONNRESET"),
    system("ECONNREFUSED"),
    system("EHOSTUNREACH"),
    system("EAI_AGAIN"),
    new Error("Connection terminated unexpectedly"),
    new Error("Connection terminated due to connection timeout"),
    new Error("timeout exceeded when trying to connect"),
    new Error("Client has encountered a connection error and is not queryable"),
  ])("of the kind “$message” passes: it is tried again, then `unavailable`", (error) => {
    expect(isRetryable(error)).toBe(true);
    expect(translate(error)).toMatchObject({ code: "unavailable", cause: error });
  });

  test.each([
    sqlError("53100"),
    sqlError("53300"),
    sqlError("57014"),
    sqlError("58030"),
    sqlError("55P03"),
    sqlError("28P01"),
    sqlError("3D000"),
    new Error("Query read timeout"),
  ])("of the kind “$message” is not tried again, and `unavailable`", (error) => {
    expect(isRetryable(error)).toBe(false);
    expect(translate(error)).toMatchObject({ code: "unavailable", cause: error });
  });

  test.each([
    sqlError("23505"),
    sqlError("22021"),
    sqlError("42703"),
    sqlError("54000"),
    new TypeError("x is not a function"),
    Object.assign(new Error("bad argument"), { code: "ERR_INVALID_ARG_TYPE" }),
    new GatewayError("conflict", "Taken."),
  ])("of the kind “$message” is the work's own and passes unchanged", (error) => {
    expect(isRetryable(error)).toBe(false);
    expect(translate(error)).toBe(error);
  });
});

onPostgres((store) => {
  test("two transactions that block each other both end well: one is repeated", async () => {
    const [a, b] = [await addUser(store.db), await addUser(store.db)];
    const bothHoldOne = barrier(2);
    let rounds = 0;
    const lockInOrder = (first: UserId, second: UserId) =>
      withTransaction(store.db, async (trx) => {
        rounds += 1;
        await trx.updateTable("users").set({ kind: "place" }).where("id", "=", first).execute();
        if (rounds <= 2) await bothHoldOne();
        await trx.updateTable("users").set({ kind: "place" }).where("id", "=", second).execute();
      });
    await Promise.all([lockInOrder(a, b), lockInOrder(b, a)]);
    expect(rounds).toBe(3);
  });

  test("a serialisation failure is repeated", async () => {
    const id = await addUser(store.db);
    const bothRead = barrier(2);
    let rounds = 0;
    const change = () =>
      withTransaction(store.db, async (trx) => {
        rounds += 1;
        await sql`set transaction isolation level serializable`.execute(trx);
        await countUsers(trx);
        if (rounds <= 2) await bothRead();
        await trx.updateTable("users").set({ kind: "place" }).where("id", "=", id).execute();
      });
    await Promise.all([change(), change()]);
    expect(rounds).toBe(3);
  });

  test("a connection that dies between two statements of a transaction ends no process, and the work is repeated", async () => {
    const backends: number[] = [];
    await withTransaction(store.db, async (trx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      backends.push(rows[0]!.pid);
      await addUser(trx);
      if (backends.length === 1) await killBackend(rows[0]!.pid);
      await addUser(trx);
    });
    expect(new Set(backends).size).toBe(2);
    expect(await countUsers(store.db)).toBe(2);
  });

  test("a process that stands still in the middle of a transaction blocks nobody for long, and does it again", async () => {
    const id = await addUser(store.db);
    let rounds = 0;
    await withTransaction(store.db, async (trx) => {
      await trx.updateTable("users").set({ kind: "place" }).where("id", "=", id).execute();
      // Whatever came meanwhile is heard only after the next statement has been sent.
      if ((rounds += 1) === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
      await addUser(trx);
    });
    expect([rounds, await countUsers(store.db)]).toEqual([2, 2]);
  });

  /** From a connection beside the pool: the root connection may not be used inside a transaction. */
  async function killBackend(pid: number): Promise<void> {
    const client = new Client({ connectionString: store.url });
    await client.connect();
    await client.query("select pg_terminate_backend($1, 5000)", [pid]);
    await client.end();
  }
});

/** Resolves for all when `count` have come. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    if ((come += 1) === count) resolve();
    return promise;
  };
}
