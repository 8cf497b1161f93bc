import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { newId } from "../../src/ids.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import type { Database } from "../../src/store/database.ts";
import { PlatformIntake } from "../../src/talk/platform-intake.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { createTestDatabase } from "../support/postgres.ts";

const log = { info() {}, warn() {}, error() {} };
let place: Awaited<ReturnType<typeof createTestDatabase>>;
let database: Database;

beforeAll(async () => {
  place = await createTestDatabase();
  // Without deadlines of its own, a statement waits as long as it must.
  database = openPostgres(place.url, log, 4, true);
});
afterAll(async () => {
  await database.close();
  await place.drop();
});

it("gives the intake up when the database does not answer for as long as its lease lasts", async () => {
  const platform = new FakePlatform();
  const end = new AbortController();
  const intake = new PlatformIntake(platform, {
    db: database.db,
    replica: newId("rep"),
    accept: async () => undefined,
    connected: () => undefined,
    log,
    signal: end.signal,
    leaseMs: 600,
  });
  const round = intake.round();
  await platform.listening();
  const other = new Client({ connectionString: place.url });
  await other.connect();
  await other.query("begin; lock table accounts in access exclusive mode");
  await round;
  expect(intake.state).toBe("standing by");
  await other.query("rollback");
  await other.end();
  end.abort();
});

it("security-31: a bot whose token was refused goes on with another token, and not before", async () => {
  const platform = new FakePlatform();
  const connect = platform.connect.bind(platform);
  let token = "old";
  let asked = 0;
  platform.connect = async (signal) => {
    asked++;
    if (token === "old") throw new GatewayError("unauthorized", "This token is refused.");
    await connect(signal);
  };
  const end = new AbortController();
  const intake = new PlatformIntake(platform, {
    db: database.db,
    replica: newId("rep"),
    accept: async () => undefined,
    connected: () => undefined,
    log,
    signal: end.signal,
  });
  await intake.round();
  expect(intake.state).toBe("refused");
  const waiting = intake.round();
  token = "new";
  expect(asked).toBe(1);
  intake.tryAgain();
  await waiting;
  // The other test's replica may hold the account for a moment yet.
  const rounds = (async () => {
    while (!end.signal.aborted) await intake.round();
  })();
  await platform.listening();
  expect(intake.state).toBe("taking in");
  end.abort();
  await rounds;
});
