import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { sql } from "kysely";
import { expect, test } from "vitest";
import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import { readSettings } from "../../src/agent/agent-settings.ts";
import type { Clock } from "../../src/agent/clock.ts";
import { createNativeRunner } from "../../src/agent/loop.ts";
import { errorCode } from "../../src/errors.ts";
import type { UserId } from "../../src/ids.ts";
import { type Chances, chances } from "../support/chaos/random.ts";
import { anyReply, oddTools } from "../support/fire/odd-replies.ts";
import { quirkyModel } from "../support/fire/quirky-model.ts";
import { storedFaults, type StoredRow } from "../support/provider-rules.ts";
import { storeEngines, type TestStore } from "../support/store-engines.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

const SEED = 20_261_128;
/** PGlite takes one statement at a time, and what is asked here is the same. */
const SESSIONS = { Postgres: 30, PGlite: 3 };
const MESSAGES = 6;

/** A thousand times as fast as the system's. */
const quick: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms / 1000, undefined, { signal }).catch(() => undefined),
};

/** People are asked for all tools that may not be called twice. */
const SETTINGS = readSettings("agents: { tester: { approvals: { pay: ask, order: ask } } }");

interface World {
  gateways: TestGateway[];
  model: ReturnType<typeof quirkyModel>;
  /** Calls that were made after people were asked. */
  calls: string[];
  start(): Promise<TestGateway>;
}

/** Two replicas on Postgres, one on PGlite, with a model and tools that do anything. */
async function openWorld(store: TestStore, onBusy: BusyPolicy): Promise<World> {
  const replies = fc.sample(anyReply, { seed: SEED, numRuns: 2_000 });
  let next = 0;
  const model = quirkyModel(() => replies[(next += 1) % replies.length]!, 600);
  const world: World = {
    gateways: [],
    model,
    calls: [],
    async start() {
      const kind = store.engine === "Postgres" ? ("postgres" as const) : ("embedded" as const);
      const database = { kind, db: store.db, close: async () => undefined };
      const runner = createNativeRunner({ clock: quick });
      const tools = oddTools(world.calls);
      const parts = { url: "", database, model, tools, runner, onBusy, settings: SETTINGS };
      const started = await startTestGateway(parts);
      world.gateways.push(started);
      return started;
    },
  };
  await world.start();
  if (store.engine === "Postgres") await world.start();
  return world;
}

/** What one person does in a session, and what happens to its runs; `crash`: its owner has lost it, and does not know. */
async function live(store: TestStore, world: World, user: UserId, session: string, random: Chances): Promise<void> {
  for (let said = 0; said < MESSAGES;) {
    const gateway = world.gateways[Math.floor(random.next(world.gateways.length))]!.gateway;
    const what = random.next(10);
    if (what < 4) {
      said += 1;
      await gateway.service.addMessage(user, session, { text: `message ${said}` });
    } else if (what < 5) await gateway.service.stop(user, session);
    else if (what < 7) {
      await sql`update lanes set owner = null, lease_until = null, ready_at = now()
        where session_id = ${session} and owner is not null`.execute(store.db);
    }
    await sleep(random.next(30));
  }
}

/** Somebody approves, denies or forgets whatever is asked, until the abort. */
async function answer(store: TestStore, world: World, user: UserId, random: Chances, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const open = await store.db.selectFrom("approvals").selectAll().where("decision", "is", null).execute();
    for (const { session_id: session, id } of open) {
      const what = random.next(8);
      const decision = what < 5 ? "approved" : "denied";
      if (what < 7) {
        const { service } = world.gateways[0]!.gateway;
        // It may have been withdrawn meanwhile.
        await service.decideApproval(user, session, id, decision).catch((error: unknown) => {
          if (errorCode(error) !== "conflict") throw error;
        });
      } else {
        await sql`update approvals set expires_at = now() where id = ${id}`.execute(store.db);
        await sql`update lanes set ready_at = now() where session_id = ${session} and owner is null`.execute(store.db);
      }
    }
    await sleep(20 + random.next(30));
  }
}

const seq = (row: { seq: number }) => row.seq;

async function expectWhole(store: TestStore, session: string): Promise<void> {
  const rows = await store.db
    .selectFrom("messages")
    .selectAll()
    .where("session_id", "=", session as never)
    .execute();
  const runs = await store.db
    .selectFrom("runs")
    .selectAll()
    .where("session_id", "=", session as never)
    .execute();
  const talk = store.db
    .selectFrom("talk_sessions")
    .select("head_seq")
    .where("id", "=", session as never);
  const inbox = await store.db
    .selectFrom("inbox")
    .selectAll()
    .where("session_id", "=", session as never)
    .execute();
  const stored = rows.toSorted((a, b) => seq(a) - seq(b)) as unknown as StoredRow[];
  expect(storedFaults(stored, new Map(runs.map(({ id, state }) => [id, state])))).toEqual([]);
  expect((await talk.executeTakeFirstOrThrow()).head_seq).toBe(rows.length);
  const asked = stored.filter(({ role }) => role === "user");
  expect(inbox).toHaveLength(MESSAGES);
  for (const { message_id: id, run_id: run, state } of inbox) {
    const found = asked.filter((row) => row.message_id === id).map((row) => row.run_id);
    expect([state, ...found], "a message lost or doubled").toEqual(state === "withdrawn" ? [state] : ["taken", run]);
  }
}

storeEngines((store) => {
  test.each(["interrupt", "steer", "queue", "parallel"] as const)(
    "with the policy %s, runs that crash, are stopped and left leave whole histories, and no message is lost",
    { timeout: 120_000 },
    async (policy) => {
      const world = await openWorld(store, policy);
      const { service } = world.gateways[0]!.gateway;
      const user = await service.actFor("ann");
      const ids = await Promise.all(
        Array.from({ length: SESSIONS[store.engine] }, async () => (await service.createTalkSession(user)).id),
      );
      const over = new AbortController();
      const answering = answer(store, world, user, chances(SEED), over.signal);
      const lives = ids.map((id, index) => live(store, world, user, id, chances(SEED + index)));
      if (store.engine === "Postgres") {
        await sleep(150);
        await world.gateways.pop()!.gateway.stop(0);
        await world.start();
      }
      await Promise.all(lives);
      await until(
        "all to be over",
        async () => (await store.db.selectFrom("lanes").selectAll().execute()).length === 0,
        90_000,
      );
      over.abort();
      await answering;
      for (const { gateway } of world.gateways) await gateway.stop(0);
      expect(world.model.refused).toEqual([]);
      for (const id of ids) await expectWhole(store, id);
      const asked = await store.db.selectFrom("approvals").selectAll().execute();
      const used = asked.filter(({ used_at: at }) => at !== null);
      expect(used.every(({ decision }) => decision === "approved")).toBe(true);
      expect(world.calls.length, "calls without an approval of their own").toBeLessThanOrEqual(used.length);
      if (store.engine === "Postgres") {
        const decisions = asked.map(({ decision }) => decision);
        expect(decisions).toEqual(expect.arrayContaining(["approved", "denied", "expired"]));
      }
    },
  );
});
