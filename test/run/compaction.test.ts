import * as fc from "fast-check";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId, type SessionId, type UserId } from "../../src/ids.ts";
import { turnText } from "../../src/agent/turn-text.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { failWith, hold } from "../fakes/scripted-model.ts";
import { rememberingModel, type RememberingOptions } from "../fakes/remembering-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let made: Awaited<ReturnType<typeof createTestDatabase>>;
const running: TestGateway[] = [];

beforeEach(async () => {
  made = await createTestDatabase();
});

afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop(0);
  await made.drop();
});

const WINDOW = 2_000;
/** About 120 tokens of the model's own count, with the answer. */
const CHATTER = "word ".repeat(90);

async function start(options: Partial<RememberingOptions> = {}) {
  const model = rememberingModel({ window: WINDOW, ...options });
  const gateway = await startTestGateway({ url: made.url, model });
  running.push(gateway);
  return { model, ...gateway };
}

type Started = Awaited<ReturnType<typeof start>>;

async function newTalk({ gateway }: Started): Promise<{ user: UserId; id: SessionId }> {
  const user = newId("usr");
  const { id } = await gateway.service.createTalkSession(user);
  return { user, id };
}

/** Says it, waits for the answer, and returns it. */
async function say(started: Started, talk: { user: UserId; id: SessionId }, text: string): Promise<string> {
  const { messageId } = await started.gateway.service.addMessage(talk.user, talk.id, { text });
  const { db } = started.database;
  let said = "";
  await until(`an answer to ${text.slice(0, 30)}`, async () => {
    const { rows } = await sql<{ text: string; state: string }>`
      select r.state, (select m.parts->0->>'text' from messages m where m.session_id = r.session_id and m.run_id = r.id
                       and m.role = 'assistant' order by m.seq desc limit 1) as text
      from inbox b join runs r on r.session_id = b.session_id and r.id = b.run_id
      where b.session_id = ${talk.id} and b.message_id = ${messageId}`.execute(db);
    said = rows[0]?.text ?? "";
    return rows[0] !== undefined && rows[0].state !== "running";
  });
  return said;
}

const compactions = (started: Started, talk: { id: SessionId }) =>
  started.database.db
    .selectFrom("compactions")
    .selectAll()
    .where("session_id", "=", talk.id)
    .orderBy("first_kept_seq")
    .execute();

/** Makes a history of so many messages, as runs of before would have left it. */
async function fill(started: Started, talk: { id: SessionId }, count: number, text = CHATTER): Promise<void> {
  await sql`
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
    select ${talk.id}, n, 'msg_' || n, 'run_' || n / 2, n % 2, case n % 2 when 1 then 'user' else 'assistant' end,
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', n || ' ' || ${text}::text)), 'complete'
    from generate_series(1, ${count}::int) n`.execute(started.database.db);
  await sql`update talk_sessions set head_seq = ${count} where id = ${talk.id}`.execute(started.database.db);
}

describe("a talk that grows to three times what its model reads", () => {
  it("still knows a fact that was said anywhere early in it, by what the model is sent", async () => {
    const started = await start();
    const lines = Math.ceil((3 * WINDOW * 4) / CHATTER.length);
    const live = async (at: number) => {
      const talk = await newTalk(started);
      for (let n = 0; n < lines; n += 1) await say(started, talk, n === at ? `${CHATTER} FACT city = Riga` : CHATTER);
      expect(await say(started, talk, "What is city?")).toBe("It is Riga.");
      const kept = await compactions(started, talk);
      // Rarely, and in big steps.
      expect(kept.length).toBeGreaterThan(1);
      expect(kept.length).toBeLessThan(8);
      const steps = kept.map(({ first_kept_seq }, n) => first_kept_seq - (kept[n - 1]?.first_kept_seq ?? 1));
      expect(Math.min(...steps)).toBeGreaterThan(10);
    };
    const positions = fc.sample(fc.integer({ min: 0, max: Math.floor(lines / 3) }), { numRuns: 8, seed: 5 });
    await Promise.all([...new Set([0, ...positions])].map(live));
    expect(started.model.most).toBeLessThanOrEqual(WINDOW);
    const { rows } = await sql<{ missing: number }>`
      select (sum(s.head_seq) - (select count(*) from messages))::int as missing from talk_sessions s`.execute(
      started.database.db,
    );
    expect(rows[0]!.missing).toBe(0);
  }, 60_000);

  it("does so too where nobody knows how much the model reads, which says so", async () => {
    const started = await start({ known: null });
    const talk = await newTalk(started);
    await say(started, talk, "FACT city = Riga");
    for (let n = 0; n < 40; n += 1) expect(await say(started, talk, CHATTER)).toBe("I see.");
    expect(await say(started, talk, "What is city?")).toBe("It is Riga.");
    expect((await compactions(started, talk)).length).toBeGreaterThan(0);
  });

  it("is sent as before between two compactions, so that what a provider has cached stays right", async () => {
    const started = await start();
    const talk = await newTalk(started);
    for (let n = 0; n < 20; n += 1) await say(started, talk, `${n} ${CHATTER}`);
    const sent = started.model.requests
      .filter((request) => !started.model.summaries.includes(request))
      .map(({ messages }) => messages.map((message) => turnText(message) || JSON.stringify(message.parts)));
    const breaks = sent.slice(1).filter((messages, n) => !sent[n]!.every((text, at) => messages[at] === text));
    expect(breaks).toHaveLength((await compactions(started, talk)).length);
  });
});

describe("a compaction", () => {
  it("tells readers what it did, counts as the run's, and is learned from", async () => {
    const started = await start();
    const talk = await newTalk(started);
    for (let n = 0; n < 20; n += 1) await say(started, talk, `${n} ${CHATTER}`);
    const { db } = started.database;
    const [first] = await compactions(started, talk);
    const events = await db
      .selectFrom("run_events")
      .select(["type", "data"])
      .where("run_id", "=", first!.run_id)
      .orderBy("n")
      .execute();
    expect(events.map(({ type }) => type)).toEqual([
      "run.started",
      "step.started",
      "usage",
      "history.compacted",
      "text.delta",
      "message.completed",
      "usage",
      "run.completed",
    ]);
    const { before, after } = events[3]!.data as { before: number; after: number };
    expect(before).toBeGreaterThan(1_000);
    expect(after).toBeLessThan(before / 2);
    expect(first).toMatchObject({ model: "", tokens_before: before, tokens_after: after });
    const { token_ratios } = await db.selectFrom("talk_sessions").select("token_ratios").executeTakeFirstOrThrow();
    // Four characters a token, where the estimate has three and a half.
    expect(token_ratios[""]).toBeGreaterThan(0.8);
    expect(token_ratios[""]).toBeLessThan(1);
  });

  it("that fails leaves the history as it is, and the run answers without what does not fit", async () => {
    const started = await start({ instead: (of) => (of === "summary" ? failWith("refused") : null) });
    const talk = await newTalk(started);
    for (let n = 0; n < 25; n += 1) expect(await say(started, talk, CHATTER)).toBe("I see.");
    expect(await compactions(started, talk)).toEqual([]);
    const last = started.model.requests.at(-1)!.messages;
    expect(turnText(last[0]!)).toMatch(/older messages are left out here/);
    const { count } = await started.database.db
      .selectFrom("messages")
      .select(sql<number>`count(*)`.as("count"))
      .executeTakeFirstOrThrow();
    expect(count).toBe(50);
  });

  it.each(["summary", "answer"] as const)(
    "costs nothing but itself when its attempt ends before the %s",
    async (before) => {
      const reached = Promise.withResolvers<void>();
      let hangs = false;
      const first = await start({
        instead(of) {
          if (!hangs || of !== before) return null;
          reached.resolve();
          return new Promise(() => {});
        },
      });
      const talk = await newTalk(first);
      await say(first, talk, "FACT city = Riga");
      await grow(first, talk);
      hangs = true;
      await first.gateway.service.addMessage(talk.user, talk.id, { text: "What is city?" });
      await reached.promise;
      expect(await compactions(first, talk)).toHaveLength(before === "summary" ? 0 : 1);
      running.splice(0);
      await first.stop(0);

      const second = await start();
      await until("the answer of another replica", async () => {
        const rows = await second.database.db.selectFrom("messages").select("parts").orderBy("seq", "desc").execute();
        return JSON.stringify(rows[0]!.parts).includes("It is Riga.");
      });
      expect(await compactions(second, talk)).toHaveLength(1);
      expect(second.model.summaries.length > 0).toBe(before === "summary");
    },
  );
});

/** Lets a talk grow to about its window, behind what it holds. */
async function grow(started: Started, talk: { id: SessionId }): Promise<void> {
  await sql`
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
    select ${talk.id}, s.head_seq + n, 'msg_f' || n, 'run_f' || n / 2, n % 2, case n % 2 when 1 then 'user' else 'assistant' end,
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', ${CHATTER}::text)), 'complete'
    from talk_sessions s, generate_series(1, 16) n where s.id = ${talk.id}`.execute(started.database.db);
  await sql`update talk_sessions set head_seq = head_seq + 16 where id = ${talk.id}`.execute(started.database.db);
}

describe("fault-35: a talk of a great many messages", () => {
  it("that nobody has summed up is so before its next answer; the prompt is bounded, and what is left out is told", async () => {
    const started = await start();
    const talk = await newTalk(started);
    await fill(started, talk, 10_000, "x");
    expect(await say(started, talk, "What is city?")).toBe("It is unknown to me.");
    expect(started.model.most).toBeLessThanOrEqual(WINDOW);
    expect(started.model.summaries.length).toBeLessThanOrEqual(8);
    const [kept] = await compactions(started, talk);
    expect(kept!.first_kept_seq).toBeGreaterThan(9_000);
    expect(kept!.summary).toMatch(/^\[8000 older messages are left out here\]/);
    await say(started, talk, "more");
    expect(await compactions(started, talk)).toHaveLength(1);
  });

  it("loses nothing between its summary and its window: what is in neither is summed up at the next answer", async () => {
    const started = await start({ window: 100_000 });
    const talk = await newTalk(started);
    await say(started, talk, "FACT city = Riga");
    const { db } = started.database;
    await sql`
      insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
      select ${talk.id}, n, 'msg_' || n, 'run_' || n / 2, n % 2, case n % 2 when 1 then 'user' else 'assistant' end,
             jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'hm')), 'complete'
      from generate_series(3, 1010) n`.execute(db);
    await sql`update talk_sessions set head_seq = 1010 where id = ${talk.id}`.execute(db);
    expect(await say(started, talk, "What is city?")).toBe("It is Riga.");
    const [kept] = await compactions(started, talk);
    // A big step, although all of it would have fitted.
    expect(kept!.first_kept_seq).toBeGreaterThan(500);
    expect(await say(started, talk, "What is city?")).toBe("It is Riga.");
    expect(await compactions(started, talk)).toHaveLength(1);
  });
});

describe("/compact", () => {
  const shown = (platform: FakePlatform) => platform.messages("7").map(({ text }) => text);
  const told = (platform: FakePlatform, text: string) =>
    until(`the chat to show ${text}`, () => shown(platform).some((each) => each.includes(text)));

  async function chat(options: Partial<RememberingOptions> = {}) {
    const platform = new FakePlatform();
    const model = rememberingModel({ window: WINDOW, ...options });
    const gateway = await startTestGateway({ url: made.url, model, adapters: [platform] });
    running.push(gateway);
    await platform.listening();
    return { platform, model, db: gateway.database.db };
  }

  it("sums the talk up now, tells what it did, and leaves no trace in the history", async () => {
    const { platform, db } = await chat();
    await platform.say({ chat: "7", from: "7", text: "FACT city = Riga" });
    await told(platform, "I see.");
    await platform.say({ chat: "7", from: "7", text: "/compact" });
    await told(platform, "There is nothing to sum up yet.");
    await platform.say({ chat: "7", from: "7", text: CHATTER });
    await until("the second answer", async () => (await db.selectFrom("messages").selectAll().execute()).length === 4);
    await platform.say({ chat: "7", from: "7", text: "/compact" });
    await told(platform, "I summed up 4 messages: about ");
    const [kept] = await db.selectFrom("compactions").selectAll().execute();
    expect(kept).toMatchObject({ first_kept_seq: 5, summary: "FACT city = Riga" });
    expect(await db.selectFrom("lanes").selectAll().execute()).toEqual([]);
    await platform.say({ chat: "7", from: "7", text: "What is city?" });
    await told(platform, "It is Riga.");
    const messages = await db.selectFrom("messages").select("seq").orderBy("seq").execute();
    expect(messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("waits for the answer under way; what is said meanwhile waits for it, and a stop ends it", async () => {
    const gates = { answer: hold(), summary: hold() };
    let held = false;
    const { platform, db } = await chat({
      async instead(of) {
        if (held) await gates[of].enter();
        return null;
      },
    });
    const count = async () => (await db.selectFrom("messages").selectAll().execute()).length;
    for (const n of [1, 2]) {
      await platform.say({ chat: "7", from: "7", text: `${n} ${CHATTER}` });
      await until("an answer", async () => (await count()) === 2 * n);
    }
    held = true;
    await platform.say({ chat: "7", from: "7", text: "and now?" });
    await gates.answer.reached;
    await platform.say({ chat: "7", from: "7", text: "/compact" });
    await told(platform, "I am summing up this talk.");
    gates.answer.release();
    await gates.summary.reached;
    expect(await count()).toBe(6);
    await platform.say({ chat: "7", from: "7", text: "one more" });
    gates.summary.release();
    await told(platform, "I summed up 6 messages: about ");
    await until("the answer to what was said meanwhile", async () => (await count()) === 8);

    for (const n of [9, 10]) await platform.say({ chat: "7", from: "7", text: `${n} ${CHATTER}` });
    await until("an answer", async () => (await count()) > 10);
    gates.summary = hold();
    await platform.say({ chat: "7", from: "7", text: "/compact" });
    await gates.summary.reached;
    await platform.say({ chat: "7", from: "7", text: "/stop" });
    await until("the end", async () => (await db.selectFrom("lanes").selectAll().execute()).length === 0);
    expect(await db.selectFrom("compactions").selectAll().execute()).toHaveLength(1);
  });
});
