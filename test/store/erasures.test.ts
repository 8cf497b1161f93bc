import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import type { Part } from "../../src/agent/message.ts";
import { newId, newTraceId, type UserId } from "../../src/ids.ts";
import { beginErasure, eraseNext, erasureOf } from "../../src/store/erasures.ts";
import { keepMade } from "../../src/store/files.ts";
import { findIdentity } from "../../src/store/identities.ts";
import { holdMemories, insertMemory } from "../../src/store/memories.ts";
import { messagesAfter, windows } from "../../src/store/messages.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { findSession } from "../../src/store/talk-sessions.ts";
import { writeTraces } from "../../src/store/traces.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { setBlocked } from "../../src/store/users.ts";
import { allWords } from "../support/all-words.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, HERE, mergeOf, newChat, reply, said, sayIn, type StartedRun, startRun } from "./arrange.ts";

const WORD = "CANARY";
const yes = async () => true;

/** What becomes of what a table holds of a person who is erased: a new table has to be thought of here. */
const FATES: Record<string, string[]> = {
  deleted: [
    "approvals",
    "budget_counters",
    "chat_threads",
    "compactions",
    "early_edits",
    "files",
    "identities",
    "lanes",
    "link_codes",
    "link_tries",
    "memories",
    "messages",
    "outbox",
    "pairings",
    "places",
    "run_events",
    "runs",
    "spans",
    "talk_sessions",
    "traces",
    "users",
    "web_links",
    "web_sessions",
  ],
  "without a person from then on": ["api_keys", "erasures", "feedback", "inbox"],
  "numbers and ids alone": ["api_rates", "audit_log", "run_usage"],
  "not of people": ["accounts", "agents", "card_versions", "housekeeping", "replicas"],
};

storeEngines((store) => {
  const group = { chat: "-100", kind: "group" } as const;
  /** Her words, with her name and id, in one turn. */
  const words = (sender: string, name: string, text: string): ReturnType<typeof sayIn> => {
    const message = sayIn({ ...group, thread: "", sender }, text);
    return { ...message, place: { ...message.place!, senderName: name, open: true } };
  };

  async function turn(
    message: ReturnType<typeof sayIn>,
    author: { id: string; name: string } | null,
    more: Part[] = [],
  ) {
    await accept(store.db, message);
    const run = await startRun(store.db);
    const user = said("user", "");
    user.message.parts = [...more, ...message.parts];
    if (author) user.message.author = author;
    const text = message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
    return { run, merge: mergeOf(run, { block: [user, said("assistant", `You said ${text}`)], title: "" }) };
  }

  async function merged(begun: Awaited<ReturnType<typeof turn>>): Promise<StartedRun> {
    await mergeRun(store.db, begun.merge);
    return begun.run;
  }

  async function erase(user: UserId): Promise<void> {
    await withTransaction(store.db, (trx) => beginErasure(trx, user));
    await sql`update outbox set due_at = null`.execute(store.db);
    await eraseNext(store.db, yes);
  }

  test("security-45: every table has been thought of", async () => {
    const { rows } = await sql<{ name: string }>`
      select relname::text as name from pg_class
      where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname not like 'kysely%'
    `.execute(store.db);
    const decided = Object.values(FATES).flat().toSorted();
    expect(decided).toEqual(expect.arrayContaining(rows.map(({ name }) => name)));
  });

  describe("security-45: an erased person", () => {
    test("is nowhere in the database, and nobody else is missing", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: `7${WORD}`, sender: `7${WORD}` });
      const bob = await newChat(db, { chat: "8" });
      await newChat(db, { ...group, sender: `7${WORD}` });
      await newChat(db, { ...group, sender: "8" });
      await sql`update identities set name = ${`Ann ${WORD}`} where external_id = ${ann.sender}`.execute(db);

      const mine = await turn(sayIn(ann, `mine ${WORD}`), null);
      await keepMade(db, mine.run, {
        id: newId("fil"),
        name: `${WORD}.txt`,
        mediaType: "text/plain",
        bytes: Buffer.from(WORD),
      });
      await withTransaction(db, async (trx) => {
        await insertMemory(trx, (await holdMemories(trx, mine.run))!, "demo", `likes ${WORD}`);
      });
      await merged(mine);
      await merged(await turn(sayIn(bob, "Bob's own"), null));
      const hers = await turn(words(ann.sender, `Ann ${WORD}`, `ours ${WORD}`), {
        id: ann.sender,
        name: `Ann ${WORD}`,
      });
      await withTransaction(db, async (trx) => {
        await insertMemory(trx, (await holdMemories(trx, hers.run))!, "demo", `${WORD} likes tea`);
      });
      const { session } = await merged(hers);
      const quote: Part = { type: "context", kind: "reply", author: `Ann ${WORD}`, text: `ours ${WORD}` };
      await merged(await turn(words("8", "Bob", "I agree"), { id: "8", name: "Bob" }, [quote]));
      await sql`
        insert into compactions (session_id, first_kept_seq, summary, tokens_before, tokens_after, model, run_id)
        values (${session}, 3, ${`They said ${WORD}`}, 9, 1, '', 'run_1')`.execute(db);

      await sql`
        insert into feedback (id, session_id, run_id, target, key, author, user_id, source, rating, comment)
        values ('fb_1', ${session}, ${hers.run.id}, 'run', 'k', ${ann.userId}, ${ann.userId}, 'api', -1, ${WORD})
      `.execute(db);
      await sql`
        insert into traces (trace_id, session_id, run_id, user_id, started_at, status)
        values ('t1', ${session}, ${hers.run.id}, 'usr_1', now(), 'ok')`.execute(db);
      await sql`
        insert into spans (trace_id, span_id, name, kind, start_time, status, attributes, events)
        values ('t1', 's1', 'chat', 'client', 0, 'ok', ${JSON.stringify({ said: WORD })}::jsonb, '[]')`.execute(db);

      await erase(ann.userId);

      const left = await allWords(db);
      expect(left).not.toContain(WORD);
      expect(left).toContain("Bob's own");
      // Votes count on, of nobody.
      const votes = await db.selectFrom("feedback").select(["rating", "user_id"]).execute();
      expect(votes).toEqual([{ rating: -1, user_id: null }]);
      expect((await erasureOf(db, ann.userId))?.endedAt).toBeInstanceOf(Date);
      const history = await messagesAfter(db, session, 0, 10);
      expect(history.map(({ message }) => [message.role, message.author?.name ?? "", message.parts])).toEqual([
        ["user", "", [{ type: "text", text: "[erased]" }]],
        ["assistant", "", [{ type: "text", text: "[erased]" }]],
        [
          "user",
          "Bob",
          [
            { ...quote, author: "", text: "[erased]" },
            { type: "text", text: "I agree" },
          ],
        ],
        ["assistant", "", [{ type: "text", text: "You said I agree" }]],
      ]);
      expect((await windows(db, [session], 10)).get(session)).toMatchObject({ summary: "", firstKeptSeq: 1 });
    });

    test("is new when they come back, and a repeat of what they wrote is still one", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      const message = sayIn(ann, "hello");
      await merged(await turn(message, null));
      await erase(ann.userId);
      expect(await findIdentity(db, "telegram", "7")).toBeNull();
      expect(await findSession(db, ann.userId, ann.sessionId)).toBeNull();
      const again = await newChat(db, { chat: "7" });
      expect(again.userId).not.toBe(ann.userId);
      expect(again.sessionId).not.toBe(ann.sessionId);
      expect((await accept(db, message))[0]?.outcome).toBe("repeat");
      expect(await allWords(db)).not.toContain("hello");
    });

    test("who was blocked stays so, without a name", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      await withTransaction(db, (trx) => setBlocked(trx, ann.userId, true));
      await erase(ann.userId);
      expect(await findIdentity(db, "telegram", "7")).toMatchObject({ blocked: true, approved: false });
      expect(await db.selectFrom("identities").select("name").execute()).toEqual([{ name: "" }]);
    });

    test("has their running answer ended first, and what is left goes when it has", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      await accept(db, sayIn(ann, "a long question"));
      const run = await startRun(db);
      const begun = await withTransaction(db, (trx) => beginErasure(trx, ann.userId));
      expect(begun?.stopped).toEqual([ann.sessionId]);
      expect(await eraseNext(db, yes)).toBeNull();
      await mergeRun(db, mergeOf(run, { state: "cancelled", endReason: "stopped" }));
      await sql`update outbox set due_at = null`.execute(db);
      expect(await eraseNext(db, yes)).toMatchObject({ user: ann.userId });
      expect(await allWords(db)).not.toContain("a long question");
    });

    test("is in no chat that they were answered in, once the last word there is shown", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: `7${WORD}`, sender: `7${WORD}` });
      const there = { ...HERE, chat: ann.chat };
      await reply(db, there, "an answer of the gateway's own");
      await sql`update outbox set due_at = null, state = 'sent'`.execute(db);
      await withTransaction(db, async (trx) => {
        await beginErasure(trx, ann.userId);
        await reply(trx, there, "they will be forgotten");
      });
      expect(await eraseNext(db, yes)).toBeNull();
      expect(await db.selectFrom("outbox").select("content").execute()).toEqual([
        { content: { text: "they will be forgotten" } },
      ]);
      await sql`update outbox set due_at = null, state = 'sent'`.execute(db);
      expect(await eraseNext(db, yes)).toMatchObject({ user: ann.userId });
      expect(await allWords(db)).not.toContain(WORD);
    });

    test("is told of by no trace that is written while they are erased", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      const { session, id: run } = await merged(await turn(sayIn(ann, "hello"), null));
      await withTransaction(db, (trx) => beginErasure(trx, ann.userId));
      const when = {
        startedMs: 1,
        endedMs: 2,
        firstShownMs: null,
        status: "ok",
        model: null,
        account: null,
        platform: "telegram",
      } as const;
      const numbers = { inputTokens: 0, outputTokens: 0, toolCalls: 0 };
      let late = false;
      const goOn = async () => {
        const isAfterTraces = (await db.selectFrom("runs").select("id").execute()).length === 0;
        if (isAfterTraces && !late) {
          late = true;
          await writeTraces(db, [{ traceId: newTraceId(), session, run, agent: "demo", ...when, ...numbers }], []);
        }
        return true;
      };
      expect(await eraseNext(db, goOn)).toBeNull();
      expect(late).toBe(true);
      expect(await eraseNext(db, yes)).toMatchObject({ user: ann.userId });
      expect(await allWords(db)).not.toContain(session);
    });

    test("is erased in the end, however often that is broken off", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      for (const text of ["one", "two", "three"]) await merged(await turn(sayIn(ann, `${text} ${WORD}`), null));
      await sql`update outbox set due_at = null`.execute(db);
      await withTransaction(db, (trx) => beginErasure(trx, ann.userId));
      const tries = async (batches: number) => eraseNext(db, async () => (batches -= 1) >= 0);
      let broken = 0;
      while (!(await tries(broken))) broken += 1;
      expect(broken).toBeGreaterThan(10);
      expect(await allWords(db)).not.toContain(WORD);
    });
  });
});
