import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { holdIntake, leaveIntake } from "../../src/store/accounts.ts";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { claimLanes, renewLeases } from "../../src/store/lanes.ts";
import { claimDuePages, recordReceipts } from "../../src/store/outbox.ts";
import { pairingFor } from "../../src/store/identities.ts";
import { recordUpdate } from "../../src/store/inbox.ts";
import { listReplicas, registerReplica, releaseReplicas } from "../../src/store/replicas.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  BOT,
  expireLeases,
  HERE,
  laneRows,
  ME,
  mergeOf,
  newTalk,
  OTHER,
  outboxRow,
  reply,
  say,
  startRun,
} from "./arrange.ts";
import { buffers, plansOf } from "./plans.ts";

const account = { id: BOT, platform: "telegram" };
const PROCESS = { host: "h", bootId: "b", pid: 7, startedAt: "9" };

storeEngines((store) => {
  describe("fault-21: an account's intake", () => {
    const hold = (replica: typeof ME, leaseMs = 60_000) => holdIntake(store.db, account, replica, leaseMs);

    test("is one replica's at a time, for as long as it renews", async () => {
      expect(await Promise.all([hold(ME), hold(OTHER)])).toEqual(expect.arrayContaining([true, false]));
      const [first, second] = (await hold(ME)) ? [ME, OTHER] : [OTHER, ME];
      expect([await hold(first), await hold(second)]).toEqual([true, false]);
      await expireLeases(store.db);
      expect([await hold(second), await hold(first)]).toEqual([true, false]);
    });

    test("is free as soon as it is left, by its holder only", async () => {
      await hold(ME);
      await leaveIntake(store.db, BOT, OTHER);
      expect(await hold(OTHER)).toBe(false);
      await leaveIntake(store.db, BOT, ME);
      expect(await hold(OTHER)).toBe(true);
    });
  });

  describe("a renewal", () => {
    test("says what the replica sends, and brings what the others that live have said, and how long ago", async () => {
      const load = { [BOT]: { answers: 3, paused: { edit: 1_500 } } };
      await registerReplica(store.db, ME, PROCESS);
      await registerReplica(store.db, OTHER, PROCESS);
      const dead = newId("rep");
      await registerReplica(store.db, dead, PROCESS);
      await store.db
        .updateTable("replicas")
        .set({ seen_at: sql<Date>`now() - interval '7 seconds'` })
        .where("id", "=", dead)
        .execute();
      const silent = { load: {}, age_ms: expect.any(Number) };
      expect((await renewLeases(store.db, ME, [], [], load)).others).toEqual([silent]);
      const { others } = await renewLeases(store.db, OTHER, []);
      expect(others).toEqual([{ load, age_ms: expect.any(Number) }]);
      expect(others[0]!.age_ms).toBeLessThan(5_000);
    });
  });

  describe("a replica that is gone", () => {
    test("leaves its lanes, pages and intake to the others at once, and only its own", async () => {
      await registerReplica(store.db, ME, PROCESS);
      await registerReplica(store.db, OTHER, { ...PROCESS, pid: 8 });
      for (let n = 0; n < 2; n += 1) await accept(store.db, say(await newTalk(store.db)));
      const [mine] = await claimLanes(store.db, ME, 1, false);
      await claimLanes(store.db, OTHER, 1, false);
      const [post, kept] = [await reply(store.db), await reply(store.db, { ...HERE, chat: "d" })];
      await sql`update outbox set due_at = now() + interval '1 minute' where id = ${kept}`.execute(store.db);
      await claimDuePages(store.db, ME, 1);
      await sql`update outbox set due_at = now() where id = ${kept}`.execute(store.db);
      await claimDuePages(store.db, OTHER, 1);
      await holdIntake(store.db, account, ME, 60_000);
      await releaseReplicas(store.db, [ME]);
      expect((await listReplicas(store.db)).map((replica) => replica.id)).toEqual([OTHER]);
      const lanes = await laneRows(store.db);
      expect(lanes.find((lane) => lane.session_id === mine!.session_id)).toMatchObject({ owner: null });
      expect(lanes.filter((lane) => lane.owner === OTHER)).toHaveLength(1);
      expect(await holdIntake(store.db, account, OTHER, 60_000)).toBe(true);
      await claimDuePages(store.db, OTHER, 5);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "uncertain" });
      expect(await outboxRow(store.db, kept)).toMatchObject({ state: "sending", owner: OTHER });
      await releaseReplicas(store.db, []);
    });

    test("is known by its process", async () => {
      await registerReplica(store.db, ME, PROCESS);
      expect(await listReplicas(store.db)).toEqual([{ id: ME, ...PROCESS }]);
    });
  });

  describe("housekeeping", () => {
    test("deletes what nobody needs, and nothing else", async () => {
      await registerReplica(store.db, ME, PROCESS);
      await registerReplica(store.db, OTHER, PROCESS);
      const talk = await newTalk(store.db);
      for (let n = 0; n < 2; n += 1) {
        await accept(store.db, say(talk));
        await mergeRun(store.db, mergeOf(await startRun(store.db)));
      }
      const [shown, uncertain, waiting] = [
        await reply(store.db),
        await reply(store.db, { ...HERE, chat: "d" }),
        await reply(store.db, { ...HERE, chat: "e" }),
      ];
      await claimDuePages(store.db, ME, 2);
      await recordReceipts(store.db, ME, [
        { id: shown, kind: "done", messageId: "m" },
        { id: uncertain, kind: "uncertain", error: "x" },
      ]);
      await recordUpdate(store.db, { account: BOT, key: "1", messageId: newId("msg"), state: "handled" });
      await pairingFor(store.db, { platform: "telegram", externalId: "7", name: "" }, "A", { ttlMs: 0, tries: 1 });
      expect(await deleteStale(store.db, RETENTION_DAYS)).toBe(0);
      await sql`update run_events set created_at = created_at - interval '2 days'`.execute(store.db);
      await sql`update runs set ended_at = ended_at - interval '2 days' where id = (select min(id) from runs)`.execute(
        store.db,
      );
      await sql`update outbox set created_at = created_at - interval '8 days'`.execute(store.db);
      await sql`update inbox set received_at = received_at - interval '8 days'`.execute(store.db);
      await sql`update pairings set expires_at = expires_at - interval '2 days'`.execute(store.db);
      await sql`update replicas set seen_at = seen_at - interval '2 days'`.execute(store.db);
      await renewLeases(store.db, ME, []);
      // An old run's event, a page that was shown, an update without a session, a code, a replica.
      expect(await deleteStale(store.db, RETENTION_DAYS)).toBe(5);
      expect(await store.db.selectFrom("run_events").selectAll().execute()).toHaveLength(1);
      const pages = await store.db.selectFrom("outbox").select("id").execute();
      expect(pages.map((page) => page.id).toSorted()).toEqual([uncertain, waiting].toSorted());
      expect(await store.db.selectFrom("inbox").selectAll().execute()).toHaveLength(2);
      expect(await store.db.selectFrom("messages").selectAll().execute()).toHaveLength(4);
      expect((await listReplicas(store.db)).map((replica) => replica.id)).toEqual([ME]);
      expect(await deleteStale(store.db, RETENTION_DAYS)).toBe(0);
    });
  });
});

onPostgres((store) => {
  test("housekeeping does not read what is kept to find what is not", async () => {
    await sql`
      insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at, ended_at)
      select 'ses_' || n, 'run_' || n, 0, 'completed', 'demo', 'queue', 1, now(), now() - interval '9 days'
      from generate_series(1, 20000) n`.execute(store.db);
    await sql`
      insert into inbox (account_id, update_key, session_id, arrival_no, message_id, state)
      select 'api:gateway', n::text, 'ses_' || n, 1, 'msg_' || n, 'taken' from generate_series(1, 20000) n`.execute(
      store.db,
    );
    await sql`
      insert into outbox (id, session_id, kind, account_id, chat, thread, place_kind, state)
      select 'out_' || n, 'ses_' || n, 'answer', ${BOT}, n::text, '', 'private', 'sent'
      from generate_series(1, 20000) n`.execute(store.db);
    await sql`
      insert into run_events (session_id, run_id, attempt, n, type, data)
      select 'ses_' || n, 'run_' || n, 1, 1, 'text.delta', '{}' from generate_series(1, 100) n`.execute(store.db);
    await sql`analyze`.execute(store.db);
    for (const plan of await plansOf(store.db, (db) => deleteStale(db, RETENTION_DAYS)))
      expect(buffers(plan)).toBeLessThan(20);
  });
});
