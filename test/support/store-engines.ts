import { Kysely, PGliteDialect, sql } from "kysely";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, inject } from "vitest";
import type { Log } from "../../src/platform/platform-adapter.ts";
import { createPglite } from "../../src/store/embedded.ts";
import { migrateToLatest } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import type { Schema } from "../../src/store/schema.ts";
import { rootGuard } from "../../src/store/transaction.ts";
import { createTestDatabase } from "./postgres.ts";

/** A migrated store of one test file, empty at the start of each test. */
export interface TestStore {
  readonly engine: "Postgres" | "PGlite";
  readonly db: Kysely<Schema>;
  /** Of the database; "" on PGlite. */
  readonly url: string;
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** The same suite on both engines, named in the titles. `store` is filled before the first test. */
export function storeEngines(suite: (store: TestStore) => void): void {
  describeOn(["Postgres", "PGlite"], suite);
}

/** For what takes two connections at once; PGlite has one. */
export function onPostgres(suite: (store: TestStore) => void): void {
  describeOn(["Postgres"], suite);
}

function describeOn(engines: TestStore["engine"][], suite: (store: TestStore) => void): void {
  describe.each(engines)("on %s", (engine) => {
    const store = { engine } as { -readonly [K in keyof TestStore]: TestStore[K] };
    let close: () => Promise<void>;

    beforeAll(async () => {
      const opened = engine === "Postgres" ? await openTestPostgres() : await openTestPglite();
      Object.assign(store, { db: opened.db, url: opened.url });
      close = () => opened.close();
    });
    beforeEach(() => emptyStore(store.db));
    afterAll(() => close());

    suite(store);
  });
}

interface OpenStore {
  db: Kysely<Schema>;
  url: string;
  close(): Promise<void>;
}

/** A fresh database on the shared server, opened as the gateway opens its own. */
async function openTestPostgres(options: { max?: number; log?: Log } = {}): Promise<OpenStore> {
  const database = await createTestDatabase();
  const store = openPostgres(database.url, options.log ?? silentLog, options.max);
  return {
    db: store.db,
    url: database.url,
    async close() {
      await store.close();
      await database.drop();
    },
  };
}

/** Like `openEmbedded`, but in memory. */
export async function openTestPglite(): Promise<OpenStore> {
  const pglite = await createPglite({ loadDataDir: await pgliteTemplate() });
  const db = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }) }).withPlugin(rootGuard);
  return { db, url: "", close: () => db.destroy() };
}

/**
 * A migrated data dir, which takes seconds to make and half a second to load. The first file of a run that needs it
 * makes it and keeps it in the run's Postgres, so that it ends with the run.
 */
async function pgliteTemplate(): Promise<Blob> {
  const client = new Client({ connectionString: inject("postgres").url });
  await client.connect();
  try {
    await client.query("select pg_advisory_lock(1)");
    await client.query("create table if not exists pglite_template (data bytea)");
    const { rows } = await client.query<{ data: Buffer }>("select data from pglite_template");
    if (rows[0]) return new Blob([Uint8Array.from(rows[0].data)], { type: "application/x-gzip" });
    const made = await makePgliteTemplate();
    await client.query("insert into pglite_template values ($1)", [Buffer.from(await made.arrayBuffer())]);
    return made;
  } finally {
    await client.end(); // frees the lock
  }
}

async function makePgliteTemplate(): Promise<Blob> {
  const pglite = await createPglite({});
  const db = new Kysely<unknown>({ dialect: new PGliteDialect({ pglite }) });
  await migrateToLatest(db);
  const made = await pglite.dumpDataDir("gzip");
  await db.destroy();
  return made;
}

const TABLES = [
  "users",
  "identities",
  "accounts",
  "places",
  "pairings",
  "talk_sessions",
  "messages",
  "compactions",
  "inbox",
  "lanes",
  "runs",
  "run_events",
  "outbox",
  "replicas",
  "files",
  "run_usage",
  "budget_counters",
  "housekeeping",
  "erasures",
] as const satisfies (keyof Schema)[];

export async function emptyStore(db: Kysely<Schema>): Promise<void> {
  await sql`truncate ${sql.join(TABLES.map((table) => sql.table(table)))}`.execute(db);
}
