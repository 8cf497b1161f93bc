import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import type { Agents } from "../../src/agent/agents.ts";
import { newId } from "../../src/ids.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import { Hints } from "../../src/run/hints.ts";
import { approvePairing, findIdentity, pairingFor, upsertIdentity } from "../../src/store/identities.ts";
import { currentUser } from "../../src/store/links.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { Intake } from "../../src/talk/intake.ts";
import { silentLog, storeEngines } from "../support/store-engines.ts";
import { BOT, OTHER } from "./arrange.ts";

const LIMITS = { ttlMs: 3_600_000, tries: 2 };
const stranger = { platform: "telegram", externalId: "7", name: "Ann" };
const agents = { list: () => [], default: () => ({ name: "demo" }), settings: () => NO_SETTINGS } as unknown as Agents;

storeEngines((store) => {
  describe("an identity", () => {
    test("is one user for good, whatever its name", async () => {
      const first = await upsertIdentity(store.db, "telegram", "7", "Ann\0");
      expect(await upsertIdentity(store.db, "telegram", "7", "Anna")).toEqual(first);
      expect(await findIdentity(store.db, "telegram", "7")).toEqual({
        userId: first.userId,
        own: null,
        approved: false,
        blocked: false,
      });
      expect(await currentUser(store.db, first.userId)).toBe(first.userId);
      expect(await store.db.selectFrom("identities").select("name").execute()).toEqual([{ name: "Anna" }]);
    });

    test("of another platform is another user", async () => {
      const [a, b] = [
        await upsertIdentity(store.db, "telegram", "7", "Ann"),
        await upsertIdentity(store.db, "slack", "7", "Ann"),
      ];
      expect(a.userId).not.toBe(b.userId);
      expect(await findIdentity(store.db, "api", "7")).toBeNull();
      expect(await currentUser(store.db, newId("usr"))).toBeNull();
    });

    test("is one user also when twenty ask at once", async () => {
      const found = await Promise.all(
        Array.from({ length: 20 }, () =>
          withTransaction(store.db, (trx) => upsertIdentity(trx, "telegram", "7", "Ann")),
        ),
      );
      expect(new Set(found.map((identity) => identity.userId)).size).toBe(1);
      expect(await store.db.selectFrom("users").selectAll().execute()).toHaveLength(1);
    });
  });

  describe("a stranger's pairing code", () => {
    test("is one until it is over, and told a few times only", async () => {
      const told = [];
      for (const code of ["A", "B", "C", "D"]) told.push(await pairingFor(store.db, stranger, code, LIMITS));
      expect(told).toEqual([
        { code: "A", tell: true },
        { code: "A", tell: true },
        { code: "A", tell: false },
        { code: "A", tell: false },
      ]);
      expect(await pairingFor(store.db, { ...stranger, externalId: "8" }, "E", LIMITS)).toEqual({
        code: "E",
        tell: true,
      });
    });

    test("holds for its time by the database's clock", async () => {
      await pairingFor(store.db, stranger, "A", LIMITS);
      const { rows } = await sql<{ s: number }>`
        select extract(epoch from expires_at - now())::float8 as s from pairings`.execute(store.db);
      expect(rows[0]!.s).toBeGreaterThan(3_590);
      expect(rows[0]!.s).toBeLessThanOrEqual(3_600);
      await sql`update pairings set expires_at = now() - interval '1 second'`.execute(store.db);
      expect(await approvePairing(store.db, "A")).toBeNull();
      expect(await pairingFor(store.db, stranger, "B", LIMITS)).toEqual({ code: "B", tell: true });
      expect(await approvePairing(store.db, "A")).toBeNull();
    });

    test("lets exactly the one behind it in, once", async () => {
      await pairingFor(store.db, stranger, "A", LIMITS);
      await pairingFor(store.db, { ...stranger, externalId: "8" }, "B", LIMITS);
      for (const wrong of ["", "C", "a\0"]) expect(await approvePairing(store.db, wrong)).toBeNull();
      const both = await Promise.all([1, 2].map(() => withTransaction(store.db, (trx) => approvePairing(trx, "A"))));
      expect(both.filter((approved) => approved !== null)).toMatchObject([stranger]);
      expect(await approvePairing(store.db, "A")).toBeNull();
      expect(await findIdentity(store.db, "telegram", "7")).toMatchObject({ approved: true });
      expect(await findIdentity(store.db, "telegram", "8")).toBeNull();
    });
  });

  describe("twenty first messages of one new chat at once, on two replicas", () => {
    function message(n: number, kind: "private" | "group"): IncomingUpdate {
      const sender = { id: kind === "group" ? `${n}` : "7", name: "Ann" };
      return {
        kind: "message",
        account: BOT,
        key: `${n}`,
        place: { kind, chat: "7", thread: "", title: "Chat" },
        sender,
        messageId: `${n}`,
        text: `message ${n}`,
        addressed: true,
        writtenAt: Date.now(),
      };
    }

    test.each([
      ["private", 1],
      ["group", 21],
    ] as const)("make one place and one session: %s", async (kind, users) => {
      const metrics = createMetrics();
      const intakes = [newId("rep"), OTHER].map(
        (replica) =>
          new Intake({
            db: store.db,
            replica,
            hints: new Hints(),
            agents,
            onBusy: "interrupt",
            access: { mode: "open", allowedUsers: new Set() },
            adapter: () => undefined,
            metrics,
            log: silentLog,
          }),
      );
      await Promise.all(Array.from({ length: 20 }, (_, n) => intakes[n % 2]!.accept(message(n, kind))));
      const count = async (table: "users" | "places" | "talk_sessions" | "lanes" | "inbox") =>
        (await store.db.selectFrom(table).selectAll().execute()).length;
      expect([await count("places"), await count("talk_sessions"), await count("lanes")]).toEqual([1, 1, 1]);
      expect([await count("users"), await count("inbox")]).toEqual([users, 20]);
      const rows = await store.db.selectFrom("inbox").select("arrival_no").orderBy("arrival_no").execute();
      expect(rows.map((row) => row.arrival_no)).toEqual(rows.map((_, index) => index + 1));
      metrics.close();
    });
  });
});
