import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { type ErasureId, newId, newTraceId, type UserId } from "../../src/ids.ts";
import { keepThread } from "../../src/store/chat-threads.ts";
import { beginErasure, eraseLate, eraseNext, erasureOf } from "../../src/store/erasures.ts";
import { saveFeedback } from "../../src/store/feedback.ts";
import { copyHistory, makeSession } from "../../src/store/make-session.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { reportTrace, writeTraces } from "../../src/store/traces.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { allWords } from "../support/all-words.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, mergeOf, newChat, newTalk, said, sayIn, startRun } from "./arrange.ts";

const WORD = "CANARY";
const yes = async () => true;

storeEngines((store) => {
  const begin = (user: UserId) => withTransaction(store.db, (trx) => beginErasure(trx, user));

  beforeEach(async () => {
    for (const table of ["traces", "feedback", "chat_threads"])
      await sql`delete from ${sql.table(table)}`.execute(store.db);
  });

  async function turn(user: { chat: string }, word: string): Promise<void> {
    const ann = await newChat(store.db, user);
    await accept(store.db, sayIn(ann, `hello ${WORD}`));
    const block = [said("user", `hello ${word} ${WORD}`)];
    await mergeRun(store.db, mergeOf(await startRun(store.db), { block, title: "" }));
    await sql`update outbox set due_at = null`.execute(store.db);
  }

  describe("security-45: an erased person", () => {
    test("leaves nothing that is written while, or just after, they are erased", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      const talk = await newTalk(db, ann.userId);
      const told = (traceId = newTraceId()) =>
        writeTraces(
          db,
          [
            {
              traceId,
              session: talk.id,
              run: newId("run"),
              agent: "demo",
              account: null,
              platform: "api",
              startedMs: 1,
              endedMs: 2,
              firstShownMs: null,
              status: "ok",
              model: null,
              inputTokens: 0,
              outputTokens: 0,
              toolCalls: 0,
            },
          ],
          [
            {
              traceId,
              spanId: "1",
              parentId: null,
              name: WORD,
              kind: "internal",
              startMs: 1,
              endMs: 2,
              status: "ok",
              attributes: {},
              events: [],
            },
          ],
        );
      await told();
      // It names its own session, of which the gateway has none.
      await reportTrace(db, {
        traceId: "own",
        agent: "demo",
        session: talk.id,
        startedAt: new Date(0),
        endedAt: null,
        status: WORD,
        model: null,
        inputTokens: null,
        outputTokens: null,
        toolCalls: 0,
        spans: [],
      });
      await sql`update traces set session_id = 'elsewhere' where trace_id = 'own'`.execute(db);
      await begin(ann.userId);
      await told();
      expect(await eraseNext(db, yes)).toMatchObject({ user: ann.userId });
      await told();
      expect(await allWords(db)).not.toContain(WORD);

      // A key of theirs was still taken for a good one.
      await newTalk(db, ann.userId);
      await keepThread(db, ann.userId, WORD, { session: talk.id, headSeq: null });
      const nothing = { sessionId: null, runId: null, messageId: null, traceId: "t", model: null, cardVersion: null };
      const about = { ...nothing, userId: ann.userId, agent: "demo" };
      const opinion = { rating: -1, key: "k", source: "api", comment: WORD } as const;
      await saveFeedback(db, newId("fb"), { author: ann.userId, userId: ann.userId }, about, opinion);
      await eraseLate(db, yes);
      const { rows } = await sql<{
        words: string;
      }>`select words from (select string_agg(f::text, '') as words from feedback f) f`.execute(db);
      expect(rows[0]!.words).not.toMatch(new RegExp(`${WORD}|${ann.userId}`));
      for (const table of ["chat_threads", "talk_sessions"]) {
        expect((await sql`select from ${sql.table(table)} where user_id = ${ann.userId}`.execute(db)).rows).toEqual([]);
      }
    });

    test("has no words in what was forked of a group's talk either", async () => {
      const { db } = store;
      const ann = await newChat(db, { chat: "7" });
      const group = await newChat(db, { chat: "-1", kind: "group", sender: "7" });
      await accept(db, sayIn({ ...group, kind: "group" }, `ours ${WORD}`));
      const user = said("user", `ours ${WORD}`);
      user.message.author = { id: "7", name: "Ann" };
      const bobs = said("user", "mine");
      bobs.message.author = { id: "8", name: "Bob" };
      await mergeRun(db, mergeOf(await startRun(db), { block: [user, said("assistant", WORD), bobs], title: "" }));
      await sql`update outbox set due_at = null`.execute(db);
      await withTransaction(db, async (trx) => {
        const made = await makeSession(trx, {
          userId: group.userId,
          agent: "demo",
          platform: "api",
          history: "gateway",
          title: "",
          metadata: {},
          idSpace: "user:admin",
          externalId: null,
          createKey: null,
          createDigest: null,
          parentId: group.sessionId,
        });
        if (made.kind === "taken") throw new Error("a fork is new");
        await copyHistory(trx, group.sessionId, made.id, null);
      });
      await begin(ann.userId);
      await eraseNext(db, yes);
      const left = await allWords(db);
      expect(left).not.toContain(WORD);
      expect(left).toContain("mine");
    });

    test("keeps nobody else's late words although theirs cannot be taken away now", async () => {
      const { db } = store;
      const people = [(await newChat(db, { chat: "7" })).userId, (await newChat(db, { chat: "8" })).userId];
      const erasures = [];
      for (const user of people) erasures.push(await begin(user));
      for (const user of people) expect(await eraseNext(db, yes)).toMatchObject({ user });
      const [late, others] = [await newTalk(db, people[0]), await newTalk(db, people[1])];
      await sql`update talk_sessions set title = 'late' where id = ${late.id}`.execute(db);
      await sql`
        create function broken() returns trigger language plpgsql as $$ begin raise 'broken'; end $$`.execute(db);
      await sql`
        create trigger broken before delete on talk_sessions for each row
        when (old.title = 'late') execute function broken()`.execute(db);
      const failed: ErasureId[] = [];
      try {
        await eraseLate(db, yes, (id) => failed.push(id));
      } finally {
        await sql`drop trigger broken on talk_sessions`.execute(db);
        await sql`drop function broken`.execute(db);
      }
      expect(failed).toEqual([erasures[0]!.id]);
      const left = await sql<{ id: string }>`select id from talk_sessions`.execute(db);
      expect(left.rows.map(({ id }) => id)).not.toContain(others.id);
      expect(left.rows.map(({ id }) => id)).toContain(late.id);
      await eraseLate(db, yes);
    });

    test("is erased in the end although a statement fails, and keeps nobody else waiting", async () => {
      const { db } = store;
      await turn({ chat: "7" }, "unlucky");
      await turn({ chat: "8" }, "lucky");
      const [ann, bob] = [(await newChat(db, { chat: "7" })).userId, (await newChat(db, { chat: "8" })).userId];
      await sql`
        create function broken() returns trigger language plpgsql as $$
        begin
          if old.parts::text like '%unlucky%' then raise 'broken'; end if;
          return old;
        end $$`.execute(db);
      await sql`create trigger broken before delete on messages for each row execute function broken()`.execute(db);
      const failed: ErasureId[] = [];
      try {
        const first = await begin(ann);
        await begin(bob);
        const next = () => eraseNext(db, yes, (id) => failed.push(id));
        expect(await next()).toMatchObject({ user: bob });
        expect(failed).toEqual([first!.id]);
        expect((await erasureOf(db, ann))?.endedAt).toBeNull();
        expect(await allWords(db)).toContain(WORD);
      } finally {
        await sql`drop trigger broken on messages`.execute(db);
        await sql`drop function broken`.execute(db);
      }
      expect(await eraseNext(db, yes)).toMatchObject({ user: ann });
      expect(await allWords(db)).not.toContain(WORD);
      // A second one of the same person has nothing to do.
      expect(await begin(ann)).toBeNull();
    });
  });
});
