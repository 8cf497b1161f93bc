import { afterAll, beforeAll, expect, it } from "vitest";
import { accountId, newId } from "../../src/ids.ts";
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
