import { describe, expect, test } from "vitest";
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
  const told = (place: Awaited<ReturnType<typeof newChat>>, language = "") =>
    tellUsage({ db: store.db, place, texts: textsFor(language) });

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

    test("says so in the person's language, without money where no price is known", async () => {
      const here = await newChat(store.db, { chat: "7" });
      expect(await told(here, "de")).toBe("Dein Verbrauch\n• heute: 0 Token\n• in diesem Monat: 0 Token");
      await use(store, here.sessionId, 5, null);
      expect(await told(here, "ru")).toContain("• сегодня: 5 токенов\n");
    });
  });
});
