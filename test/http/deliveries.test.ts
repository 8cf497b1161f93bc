import { afterAll, beforeAll, expect, it } from "vitest";
import { accountId, newId, type OutboxId, type SessionId } from "../../src/ids.ts";
import { blockChat, markChatGone, upsertPlace } from "../../src/store/places.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const BOT = accountId("telegram", "1");
const TEXT = "what-was-said-in-the-post";

let http: TestHttp;
const run = newId("run");
const session = newId("ses");
const ids = [newId("out"), newId("out"), newId("out")];

beforeAll(async () => {
  http = await startHttp();
  const post = {
    kind: "answer",
    account_id: BOT,
    chat: "7",
    thread: "3",
    place_kind: "group",
    content: JSON.stringify({ text: TEXT }),
  } as const;
  await http.database.db
    .insertInto("outbox")
    .values([
      {
        ...post,
        id: ids[0]!,
        state: "failed",
        kind: "reply",
        error: "chat not found",
        created_at: "2026-07-01T10:00:00Z",
      },
      {
        ...post,
        id: ids[1]!,
        state: "uncertain",
        session_id: session,
        run_id: run,
        page: 2,
        error: "timed out",
        created_at: "2026-07-03T10:00:00Z",
      },
      { ...post, id: ids[2]!, state: "failed", created_at: "2026-07-02T10:00:00Z" },
      { ...post, id: newId("out"), state: "sent", created_at: "2026-07-04T10:00:00Z" },
    ])
    .execute();
});
afterAll(() => http.stop());

const list = async (query = "") =>
  (await http.call("GET", `/v1/deliveries${query}`)).json<{
    deliveries: { id: string; chat_gone_at: string | null; parked_until: string | null }[];
  }>().deliveries;
const listed = async (query = "") => (await list(query)).map(({ id }) => id);

it("lists what is uncertain or failed, newest first, with where and why", async () => {
  expect(await list()).toEqual([
    {
      id: ids[1],
      state: "uncertain",
      account: "telegram:1",
      chat: "7",
      thread: "3",
      run_id: run,
      session_id: session,
      page: 2,
      error: "timed out",
      created_at: "2026-07-03T10:00:00.000Z",
      chat_gone_at: null,
      parked_until: null,
    },
    expect.objectContaining({ id: ids[2], state: "failed", error: null }),
    expect.objectContaining({ id: ids[0], run_id: null, session_id: null, page: 0 }),
  ]);
});

it("lists those of one state alone, and no more than is asked for", async () => {
  expect(await listed("?state=failed")).toEqual([ids[2], ids[0]]);
  expect(await listed("?state=uncertain")).toEqual([ids[1]]);
  expect(await listed("?state=failed&limit=1")).toEqual([ids[2]]);
});

it("tells since when a chat is gone", async () => {
  const incoming = { kind: "group", chat: "7", thread: "3", title: "" } as const;
  const { db } = http.database;
  await upsertPlace(db, BOT, incoming, newId("usr"), "tester");
  await markChatGone(db, BOT, "7", true);
  for (const { chat_gone_at: at } of await list()) expect(Date.parse(at ?? "")).toBeGreaterThan(Date.now() - 60_000);
  await markChatGone(db, BOT, "7", false);
  for (const { chat_gone_at: at } of await list()) expect(at).toBeNull();
});

it("fault-17: lists what must wait for over a minute because the platform wants it so, and until when", async () => {
  const { db } = http.database;
  const parked = newId("out");
  for (const chat of ["8", "9"]) {
    const incoming = { kind: "private", chat, thread: "", title: "" } as const;
    await upsertPlace(db, BOT, incoming, newId("usr"), "tester");
    const post = {
      kind: "answer",
      account_id: BOT,
      chat,
      thread: "",
      place_kind: "private",
      state: "planned",
    } as const;
    const id = chat === "8" ? parked : newId("out");
    await db
      .insertInto("outbox")
      .values({ ...post, id, due_at: new Date() })
      .execute();
  }
  await blockChat(db, BOT, "8", 3_600_000);
  await blockChat(db, BOT, "9", 30_000);
  expect(await listed()).toContain(parked);
  const [only, ...others] = await list("?state=parked");
  expect([only?.id, others]).toEqual([parked, []]);
  expect(Date.parse(only?.parked_until ?? "") - Date.now()).toBeGreaterThan(3_500_000);
  expect(await listed("?state=uncertain")).toEqual([ids[1]]);
});

it("refuses what it does not know", async () => {
  for (const query of ["?state=sent", "?state=", "?limit=0", "?limit=201", "?limit=all", "?chat=7"]) {
    const answer = await http.call("GET", `/v1/deliveries${query}`);
    expect([answer.statusCode, answer.json<{ code: string }>().code], query).toEqual([400, "invalid"]);
  }
});

it("never tells a text, neither here nor in the log", async () => {
  expect((await http.call("GET", "/v1/deliveries?limit=200")).body).not.toContain(TEXT);
  expect(JSON.stringify(http.lines)).not.toContain(TEXT);
});

interface Refusal {
  detail: string;
}

const act = (id: string, verb: string, body?: object) =>
  http.call("POST", `/v1/deliveries/${id}/${verb}`, body === undefined ? {} : { body });

/** A post in trouble, at a chat of its own. */
async function trouble(fields: object): Promise<string> {
  const id = newId("out");
  const post = {
    kind: "reply",
    account_id: BOT,
    chat: id,
    thread: "",
    place_kind: "private",
    state: "failed",
  } as const;
  const row = { ...post, id, content: JSON.stringify({ text: TEXT }), error: "refused", ...fields };
  await http.database.db.insertInto("outbox").values(row).execute();
  return id;
}

const rowOf = (id: string) =>
  http.database.db
    .selectFrom("outbox")
    .selectAll()
    .where("id", "=", id as OutboxId)
    .executeTakeFirstOrThrow();

it("posts again what failed, at once and as if it were new", async () => {
  const id = await trouble({ tries: 9, created_at: "2026-07-01T10:00:00Z" });
  expect((await act(id, "retry")).statusCode).toBe(202);
  const row = await rowOf(id);
  expect(row).toMatchObject({ state: "planned", error: null });
  expect(row.due_at).not.toBeNull();
  // Older than a day, it would be given up.
  expect(Date.now() - row.created_at.getTime()).toBeLessThan(3_600_000);
  expect((await act(id, "retry")).json<Refusal>().detail).toBe("This post is neither uncertain nor failed.");
});

it("posts what is in doubt only if twice is better than not at all", async () => {
  const id = await trouble({ state: "uncertain" });
  expect((await act(id, "retry")).statusCode).toBe(409);
  expect((await rowOf(id)).state).toBe("uncertain");
  expect((await act(id, "retry", { even_if_shown: true })).statusCode).toBe(202);
  expect((await rowOf(id)).state).toBe("planned");
});

it("takes off the list what was seen or is not needed, and never shows it", async () => {
  const id = await trouble({ state: "uncertain" });
  expect(await listed()).toContain(id);
  expect((await act(id, "resolve", { outcome: "dropped" })).statusCode).toBe(200);
  expect(await listed()).not.toContain(id);
  expect((await act(id, "retry", { even_if_shown: true })).statusCode).toBe(409);
  expect(await rowOf(id)).toMatchObject({ state: "uncertain", resolved: "dropped", due_at: null });
});

it("leaves alone what is not in trouble, whose answer is under way, or of which nothing is left", async () => {
  const sessionId = await http.session();
  const runId = newId("run");
  const going = { session_id: sessionId as SessionId, id: runId, lane: 0, state: "running", agent: "tester" } as const;
  const started = { ...going, policy: "queue", input_through: 0, owner: newId("rep"), reply_target: null };
  await http.database.db
    .insertInto("runs")
    .values({ ...started, queued_at: new Date(), end_reason: null, error_code: null, asked: null })
    .execute();
  const refusals = [
    await act(newId("out"), "retry"),
    await act("nonsense", "retry"),
    await act(await trouble({ state: "sent" }), "resolve", { outcome: "shown" }),
    await act(await trouble({ session_id: sessionId, run_id: runId }), "retry"),
    await act(await trouble({ content: null }), "retry"),
  ];
  expect(refusals.map(({ statusCode }) => statusCode)).toEqual([404, 404, 409, 409, 409]);
  const viewer = await http.key({ kind: "operator", role: "viewer" });
  const refused = await http.call("POST", `/v1/deliveries/${newId("out")}/retry`, { key: viewer });
  expect(refused.statusCode).toBe(403);
});

it("leaves what was said of posts in the audit log, without their words", async () => {
  const { body } = await http.call("GET", "/v1/audit");
  expect(body).toContain("delivery.retry");
  expect(body).toContain("delivery.resolve");
  expect(body).not.toContain(TEXT);
});
