import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import type { Agents } from "../../src/agent/agents.ts";
import { newId, type SessionId } from "../../src/ids.ts";
import { tellUsage } from "../../src/talk/tell-usage.ts";
import { textsFor } from "../../src/texts/texts.ts";
import { newChat, newTalk } from "../store/arrange.ts";
import { storeEngines, type TestStore } from "../support/store-engines.ts";

async function use(store: TestStore, session: SessionId, tokens: number, micros: number | null, at = new Date()) {
  const of = { session_id: session, run_id: newId("run"), agent: "demo", model: "m", at };
  const counts = { input_tokens: tokens - 1, cached_tokens: 0, output_tokens: 1, reasoning_tokens: 0 };
  await store.db
    .insertInto("run_usage")
    .values({ ...of, ...counts, cost_micros: micros })
    .execute();
}

/** The first of this month in UTC, and the last instant before it. */
function monthStart(): { first: Date; before: Date } {
  const now = new Date();
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
  return { first, before: new Date(first.getTime() - 1) };
}

storeEngines((store) => {
  const told = (place: Awaited<ReturnType<typeof newChat>>, language = "", settings = "") => {
    const agents = { settings: () => readSettings(settings) } as Agents;
    return tellUsage({ db: store.db, agents, place, texts: textsFor(language) });
  };

  describe("/usage", () => {
    test("in private tells what the person has used today and this month, wherever that was their own talk", async () => {
      const here = await newChat(store.db, { chat: "7" });
      await use(store, here.sessionId, 12_000, 250_000);
      await use(store, (await newTalk(store.db, here.userId)).id, 345, 10_000);
      await use(store, (await newChat(store.db, { chat: "8" })).sessionId, 1_000, 1_000);
      const { first, before } = monthStart();
      await use(store, here.sessionId, 500_000, 1_000_000, before);
      expect(await told(here)).toBe(
        "What you have used\n• today: 12,345 tokens, $0.26\n• this month: 12,345 tokens, $0.26",
      );
      if (new Date().getUTCDate() === 1) return;
      await use(store, here.sessionId, 1_000, 500_000, first);
      expect(await told(here)).toContain("• today: 12,345 tokens, $0.26\n• this month: 13,345 tokens, $0.76");
    });

    test("in a group tells what all have used there, in all its threads", async () => {
      const here = await newChat(store.db, { kind: "group", chat: "-1", thread: "1", sender: "7" });
      const beside = await newChat(store.db, { kind: "group", chat: "-1", thread: "2", sender: "8" });
      await use(store, here.sessionId, 10, null);
      await use(store, beside.sessionId, 20, 20_000);
      await use(store, (await newChat(store.db, { chat: "7" })).sessionId, 5, null);
      expect(await told(here)).toContain("What was used in this chat\n• today: 30 tokens, $0.02+");
    });

    test("tells less than a cent as what it is", async () => {
      const here = await newChat(store.db, { chat: "7" });
      await use(store, here.sessionId, 208, 243);
      expect(await told(here)).toContain("• today: 208 tokens, $0.0002\n");
    });

    test("tells how much of whose budget that is", async () => {
      const [here, group] = [
        await newChat(store.db, { chat: "7" }),
        await newChat(store.db, { kind: "group", chat: "-1" }),
      ];
      for (const scope of [`person ${here.userId}`, "place telegram:-1"]) {
        await sql`insert into budget_counters (scope, day, tokens, micros)
                  values (${scope}, (now() at time zone 'utc')::date, 300, 500000)`.execute(store.db);
      }
      const budgets = "budgets: { person: { tokens_per_day: 400 }, place: { tokens_per_day: 1000, money_per_day: 1 } }";
      expect(await told(here, "", budgets)).toContain("\n\nYour budget for today: 75 % used.");
      expect(await told(group, "", budgets)).toContain("\n\nThis chat's budget for today: 50 % used.");
      expect(await told(here, "", "budgets: { person: { concurrent_runs: 1 } }")).not.toContain("budget");
    });

    test("says so in the person's language, without money where no price is known", async () => {
      const here = await newChat(store.db, { chat: "7" });
      expect(await told(here, "de")).toBe("Dein Verbrauch\n• heute: 0 Token\n• in diesem Monat: 0 Token");
      await use(store, here.sessionId, 5, null);
      expect(await told(here, "ru")).toContain("• сегодня: 5 токенов\n");
    });

    test("groups digits as the person's language does, where another's comma would be a fraction", () => {
      expect(textsFor("de").tokens(12_345)).toBe("12.345 Token");
      expect(textsFor("ru").tokens(12_342)).toBe("12\u00a0342 токена");
      expect(textsFor("ru").tokens(1)).toBe("1 токен");
      expect(textsFor("zh").tokens(12_345)).toContain("12,345");
    });
  });
});
