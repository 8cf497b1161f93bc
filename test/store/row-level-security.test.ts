import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { newId, type UserId } from "../../src/ids.ts";
import { isRowRefusal, type Reach, withReach } from "../../src/store/reach.ts";
import type { Trx } from "../../src/store/schema.ts";
import { fillTables, insertRow, newOwner, type Owner, type Row } from "../support/filled-tables.ts";
import { storeEngines } from "../support/store-engines.ts";

/** The tables that calls of people and agents reach; every other one refuses them whatever they ask. */
const REACHED = [
  "approvals",
  "chat_threads",
  "compactions",
  "feedback",
  "files",
  "inbox",
  "lanes",
  "messages",
  "outbox",
  "run_events",
  "run_usage",
  "runs",
  "spans",
  "talk_sessions",
  "traces",
];
/** Of these a person's alone, no agent's. */
const PERSONAL = ["chat_threads"];
/** What a call may add to and not read: who acted, and what they did. */
const WRITTEN = "audit_log";

storeEngines((store) => {
  let ann: Owner;
  let ben: Owner;
  let filled: Awaited<ReturnType<typeof fillTables>>;

  beforeEach(async () => {
    ann = newOwner("ann's agent");
    ben = newOwner("ben's agent");
    filled = await fillTables(store.db, [ann, ben]);
  });

  const reaches = (): Record<string, Reach> => ({
    "ann's key": { kind: "user", user: ann.user as UserId },
    "the key of ann's agent": { kind: "agent", agent: ann.agent },
    "a key of nobody known": { kind: "user", user: newId("usr") },
    "no name at all": { kind: "user", user: "" as UserId },
  });

  /** What a statement on behalf of a caller comes to: its rows, or the database's refusal. */
  async function attempt<T>(reach: Reach, work: (trx: Trx) => Promise<T>): Promise<T | string> {
    try {
      return await withReach(store.db, reach, work);
    } catch (error) {
      const cause = isRowRefusal(error) ? (error as Error).cause : error;
      if (cause instanceof Error && "code" in cause) return String(cause.code);
      throw error;
    }
  }

  const count = (reach: Reach, table: string) =>
    attempt(reach, async (trx) => {
      const { rows } = await sql<{ row: Row }>`
        select to_jsonb(t) as row from ${sql.table(table)} t`.execute(trx);
      return rows.map(({ row }) => row);
    });

  test("security-16: every table has its decision: it is guarded, and a call reaches it or does not", async () => {
    const { rows } = await sql<{ table: string; guarded: boolean; forced: boolean; may: string }>`
      select c.relname as table, c.relrowsecurity as guarded, c.relforcerowsecurity as forced, (
        select coalesce(string_agg(word, ' '), '') from unnest(array['select', 'insert', 'update', 'delete']) word
        where has_table_privilege('parley_request', c.oid, word)) as may
      from pg_class c
      where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
        and c.relname not like 'kysely\_%' order by c.relname`.execute(store.db);
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(({ guarded, forced }) => !guarded || !forced)).toEqual([]);
    const may = (what: string) => rows.filter((row) => row.may === what).map(({ table }) => table);
    const reached = [...may("select insert update delete"), ...may("select insert update")];
    expect(reached.toSorted()).toEqual(REACHED);
    expect(may("insert")).toEqual([WRITTEN]);
    expect(may("")).toHaveLength(rows.length - REACHED.length - 1);
  });

  test("security-16: a call's role owns nothing, makes nothing, and is not exempt", async () => {
    const { rows } = await withReach(store.db, { kind: "user", user: ann.user as UserId }, (trx) =>
      sql<Record<string, unknown>>`
        select current_user::text as role, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin,
               (select count(*)::int from pg_class where relowner = r.oid) as owns,
               has_schema_privilege(current_schema(), 'create') as creates
        from pg_roles r where rolname = current_user`.execute(trx),
    );
    expect(rows).toEqual([
      {
        role: "parley_request",
        rolsuper: false,
        rolbypassrls: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolcanlogin: false,
        owns: 0,
        creates: false,
      },
    ]);
    expect(
      await attempt({ kind: "user", user: ann.user as UserId }, (trx) => sql`create table x ()`.execute(trx)),
    ).toBe("42501");
    // The connection goes back as it came.
    const after = await sql<{ role: string; user: string | null }>`
      select current_user::text as role, nullif(current_setting('parley.user', true), '') as user`.execute(store.db);
    expect(after.rows[0]).not.toMatchObject({ role: "parley_request" });
    expect(after.rows[0]).toMatchObject({ user: null });
  });

  describe("security-16: raw SQL on behalf of a caller", () => {
    test("sees the caller's rows of the tables that calls reach, and of the others none", async () => {
      for (const [who, reach] of Object.entries(reaches())) {
        for (const [table, rows] of filled) {
          const seen = await count(reach, table);
          const what = `${who}: ${table}`;
          if (!REACHED.includes(table)) expect(seen, what).toBe("42501");
          else if (who.startsWith("a key of nobody") || who.startsWith("no name")) expect(seen, what).toEqual([]);
          else if (who === "the key of ann's agent" && PERSONAL.includes(table)) expect(seen, what).toEqual([]);
          else expect(seen, what).toEqual([rows[0]]);
        }
      }
    });

    test("changes and deletes nothing of anybody else, and writes nothing in their name", async () => {
      for (const [who, reach] of Object.entries(reaches())) {
        for (const [table, rows] of filled) {
          const what = `${who}: ${table}`;
          const theirs = rows[1]!;
          const where = sql`to_jsonb(t) = ${JSON.stringify(theirs)}::jsonb`;
          const first = sql.ref(Object.keys(theirs)[0]!);
          const changed = await attempt(reach, (trx) =>
            sql`update ${sql.table(table)} t set ${first} = ${first} where ${where}`.execute(trx),
          );
          const deleted = await attempt(reach, (trx) =>
            sql`delete from ${sql.table(table)} t where ${where}`.execute(trx),
          );
          const inserted = await attempt(reach, (trx) => insertRow(table, theirs).execute(trx));
          for (const done of [changed, deleted]) {
            if (typeof done === "string") expect(done, what).toBe("42501");
            else expect(done.numAffectedRows, what).toBe(0n);
          }
          // An entry says who acted; nobody can read, change or remove it.
          expect(inserted, what).toBe(table === WRITTEN && who !== "no name at all" ? "23505" : "42501");
        }
      }
      for (const [table, rows] of filled) {
        const { rows: left } = await sql<{ n: number }>`select count(*)::int as n from ${sql.table(table)}`.execute(
          store.db,
        );
        expect(left[0]!.n, table).toBe(rows.length);
      }
    });

    test("takes nothing over by giving it the caller's name, and gives nothing away", async () => {
      const mine: Reach = { kind: "user", user: ann.user as UserId };
      const taken = await attempt(mine, (trx) =>
        sql`update talk_sessions set user_id = ${ann.user} where id = ${ben.session}`.execute(trx),
      );
      expect(taken).toMatchObject({ numAffectedRows: 0n });
      const given = await attempt(mine, (trx) =>
        sql`update talk_sessions set user_id = ${ben.user}, agent = 'x' where id = ${ann.session}`.execute(trx),
      );
      expect(given).toBe("42501");
      const moved = await attempt(mine, (trx) =>
        sql`update messages set session_id = ${ben.session} where session_id = ${ann.session}`.execute(trx),
      );
      expect(moved).toBe("42501");
    });
  });

  test("whoever reaches everything is bound by statements alone", async () => {
    expect(await count({ kind: "all" }, "messages")).toHaveLength(2);
  });
});
