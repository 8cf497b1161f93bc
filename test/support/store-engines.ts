import { PGlite } from "@electric-sql/pglite";
import { Kysely, PGliteDialect, sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import type { Log } from "../../src/platform/platform-adapter.ts";
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
  describe.each(["Postgres", "PGlite"] as const)("on %s", (engine) => {
    const store = { engine } as { -readonly [K in keyof TestStore]: TestStore[K] };
    let close: () => Promise<void>;

    beforeAll(async () => {
      const opened = engine === "Postgres" ? await openTestPostgres() : await openTestPglite();
      Object.assign(store, opened);
      close = opened.close;
    });
    beforeEach(() => emptyStore(store.db));
    afterAll(() => close());

    suite(store);
  });
}

/** A fresh database on the shared server, opened as the gateway opens its own. */
export async function openTestPostgres(
  options: { max?: number; log?: Log } = {},
): Promise<{ db: Kysely<Schema>; url: string; close(): Promise<void> }> {
  const { url, drop } = await createTestDatabase();
  const database = openPostgres(url, options.log ?? silentLog, options.max);
  return {
    db: database.db,
    url,
    async close() {
      await database.close();
      await drop();
    },
  };
}

/** Like `openEmbedded`, but in memory. */
async function openTestPglite(): Promise<{ db: Kysely<Schema>; url: string; close(): Promise<void> }> {
  const pglite = await PGlite.create({ parsers: { 20: Number } });
  const db = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }) }).withPlugin(rootGuard);
  await migrateToLatest(db);
  return { db, url: "", close: () => db.destroy() };
}

const TABLES = [
  "users",
  "identities",
  "accounts",
  "places",
  "pairings",
  "talk_sessions",
  "messages",
  "inbox",
  "lanes",
  "runs",
  "run_events",
  "outbox",
  "replicas",
] as const satisfies (keyof Schema)[];

export async function emptyStore(db: Kysely<Schema>): Promise<void> {
  await sql`truncate ${sql.join(TABLES.map((table) => sql.table(table)))}`.execute(db);
}
