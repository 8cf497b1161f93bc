import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool, types as pgTypes } from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { LEASE_MS } from "../../src/store/lanes.ts";
import type { Schema } from "../../src/store/schema.ts";
import { rootGuard } from "../../src/store/transaction.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { accept, newTalk, OTHER, say, startRun } from "../store/arrange.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

/** A Postgres whose connections can be kept from a gateway: what it asks meanwhile waits. */
class Outage extends PostgresDialect {
  #over = Promise.resolve();
  end: () => void = () => undefined;

  begin(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#over = promise;
    this.end = resolve;
  }

  override createDriver(): ReturnType<PostgresDialect["createDriver"]> {
    const driver = super.createDriver();
    const acquire = driver.acquireConnection.bind(driver);
    driver.acquireConnection = async () => {
      await this.#over;
      return acquire();
    };
    return driver;
  }
}

let made: Awaited<ReturnType<typeof createTestDatabase>>;
let beside: Kysely<Schema>;
let running: TestGateway;

beforeEach(async () => {
  made = await createTestDatabase();
  beside = open().db;
});

afterEach(async () => {
  await running.stop(0);
  await beside.destroy();
  await made.drop();
});

function open(): { db: Kysely<Schema>; outage: Outage } {
  const types = { getTypeParser: (oid: number) => (oid === 20 ? Number : pgTypes.getTypeParser(oid)) } as never;
  const pool = new Pool({ connectionString: made.url, max: 4, types });
  // The drop of the database ends whatever connection is still on its way out.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const outage = new Outage({ pool });
  return { outage, db: new Kysely<Schema>({ dialect: outage }).withPlugin(rootGuard) };
}

it("takes nobody's lane over right after an outage, also by a claim that began before it", async () => {
  const { db, outage } = open();
  const database: Database = { kind: "postgres", db, close: () => db.destroy() };
  const model = scriptedModel("An answer.");
  running = await startTestGateway({ url: made.url, model, database });
  await accept(beside, say(await newTalk(beside)));
  const theirs = await startRun(beside, OTHER);
  await sql`update lanes set lease_until = now() + interval '1 minute'`.execute(beside);
  // Until it would take over.
  await sleep(LEASE_MS + 500);
  outage.begin();
  await sleep(2_500);
  await sql`update lanes set lease_until = now() - interval '1 second'`.execute(beside);
  await accept(beside, say(await newTalk(beside)));
  outage.end();
  await until("a claim", () => model.requests.length > 0);
  const run = beside.selectFrom("runs").select(["attempt", "owner"]).where("id", "=", theirs.id);
  expect(await run.executeTakeFirst()).toEqual({ attempt: 1, owner: OTHER });
});
