import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newId, type SessionId } from "../../src/ids.ts";
import { insertFile } from "../../src/store/files.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { newChat } from "../store/arrange.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const PIXEL = Buffer.from("89504e470d0a1a0a", "hex");

let http: TestHttp;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model, onBusy: "parallel" });
});
afterAll(() => http.stop());

interface Session {
  user_id: string;
  session_id: string;
  title: string;
  status: string;
  version: number;
  head_seq: number;
  messages: { seq: number; role: string; text: string; agent: string; run_id: string; trace_id: string }[];
}

const read = async (id: string, user = "ann") =>
  (await http.call("GET", `/v1/sessions/${id}`, { user })).json<Session>();
const texts = async (id: string) => (await read(id)).messages.map(({ text }) => text);

/** Says something and waits until the answer is in the history. */
async function talk(id: string, text: string, answer: string): Promise<void> {
  const { head_seq: before } = await read(id);
  model.push(answer);
  await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text } });
  await until("the answer", async () => (await read(id)).head_seq === before + 2);
}

async function talked(rounds: number): Promise<string> {
  const id = await http.session();
  for (let n = 1; n <= rounds; n++) await talk(id, `question ${n}`, `answer ${n}`);
  return id;
}

/** What the model was sent last, without the gateway's own words. */
function lastSent(): string {
  return JSON.stringify(model.requests.at(-1)!.messages);
}

describe("a revert", () => {
  it("takes back all but the first messages: they are neither shown nor sent, but kept", async () => {
    const id = await talked(3);
    expect(await texts(id)).toHaveLength(6);
    const reverted = await http.call("POST", `/v1/sessions/${id}/revert`, { body: { to_message_index: 2 } });
    expect(reverted.statusCode).toBe(204);
    expect(await texts(id)).toEqual(["question 1", "answer 1"]);
    await talk(id, "question 4", "answer 4");
    expect(await texts(id)).toEqual(["question 1", "answer 1", "question 4", "answer 4"]);
    expect(lastSent()).toContain("answer 1");
    expect(lastSent()).not.toContain("answer 2");
    const kept = await sql`select 1 from messages where session_id = ${id}`.execute(http.database.db);
    expect(kept.rows).toHaveLength(8);

    await http.call("POST", `/v1/sessions/${id}/revert`, { body: { to_message_index: 3 } });
    await http.call("POST", `/v1/sessions/${id}/revert`, { body: { to_message_index: 1 } });
    await talk(id, "question 5", "answer 5");
    expect(await texts(id)).toEqual(["question 1", "question 5", "answer 5"]);
    const tooFar = await http.call("POST", `/v1/sessions/${id}/revert`, { body: { to_message_index: 4 } });
    expect(tooFar.json()).toMatchObject({ status: 400, detail: "There are not as many messages." });
  });

  it("voids what was summed up of messages that it takes back, and keeps what stands for others", async () => {
    const id = await talked(3);
    const summed = (from: number, summary: string) =>
      http.database.db
        .insertInto("compactions")
        .values({
          session_id: id as never,
          first_kept_seq: from,
          summary,
          tokens_before: 9,
          tokens_after: 1,
          model: "",
          run_id: newId("run"),
        })
        .execute();
    await summed(3, "the first round");
    await summed(5, "the first and the second round");
    await http.call("POST", `/v1/sessions/${id}/revert`, { body: { to_message_index: 3 } });
    await talk(id, "question 4", "answer 4");
    expect(lastSent()).toContain("the first round");
    expect(lastSent()).not.toContain("the second round");
    // Nothing is missing between summary and window, so that nobody is told so.
    expect(lastSent()).not.toMatch(/left out/i);
  });

  it("ends the answer under way first, whose text it takes back as well", async () => {
    const id = await talked(1);
    const never = hold();
    model.push(["Half of", never]);
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "question 2" } });
    await never.reached;
    const reverted = await http.call("POST", `/v1/sessions/${id}/revert`, { body: { to_message_index: 2 } });
    expect(reverted.statusCode).toBe(204);
    expect(model.open).toBe(0);
    expect(await texts(id)).toEqual(["question 1", "answer 1"]);
  });
});

describe("a fork", () => {
  it("begins with the first messages, and goes on by itself", async () => {
    const id = await talked(2);
    const made = await http.call("POST", `/v1/sessions/${id}/fork`, { body: { from_message_index: 2 } });
    expect(made.statusCode).toBe(201);
    const { session_id: forked } = made.json<Session>();
    expect(made.json()).toEqual({ session_id: forked, parent_session_id: id, message_count: 2 });
    await talk(forked, "question 3", "answer 3");
    expect(lastSent()).not.toContain("answer 2");
    expect(await texts(forked)).toEqual(["question 1", "answer 1", "question 3", "answer 3"]);
    expect(await texts(id)).toEqual(["question 1", "answer 1", "question 2", "answer 2"]);
    const [first] = (await read(forked)).messages;
    expect(first).toMatchObject({ seq: 1, agent: "tester", run_id: (await read(id)).messages[0]!.run_id });
  });

  it("without a number has all that is shown, with what was summed up of it", async () => {
    const id = await talked(2);
    await http.database.db
      .insertInto("compactions")
      .values({
        session_id: id as never,
        first_kept_seq: 3,
        summary: "the first round",
        tokens_before: 9,
        tokens_after: 1,
        model: "",
        run_id: newId("run"),
      })
      .execute();
    const made = await http.call("POST", `/v1/sessions/${id}/fork`);
    expect(made.json()).toMatchObject({ message_count: 4 });
    const { session_id: forked } = made.json<Session>();
    await talk(forked, "question 3", "answer 3");
    expect(lastSent()).toContain("the first round");
    expect(lastSent()).not.toContain("answer 1");
  });

  it("has the files that its messages name, and keeps them when the first one goes", async () => {
    const id = await talked(2);
    const file = newId("fil");
    const named = { type: "file", kind: "image", name: "a.png", mediaType: "image/png", size: 1, file };
    const db = http.database.db;
    const kept = { id: file, name: "a.png", mediaType: "image/png", bytes: PIXEL };
    await withTransaction(db, (trx) => insertFile(trx, id as SessionId, kept));
    await sql`update messages set parts = parts || ${JSON.stringify([named])}::jsonb
              where session_id = ${id} and seq = 1`.execute(db);
    const { session_id: copy } = (await http.call("POST", `/v1/sessions/${id}/fork`, { body: {} })).json<Session>();
    const { messages } = (await http.call("GET", `/v1/sessions/${copy}`)).json<{ messages: { parts: object[] }[] }>();
    expect(messages.map(({ parts }) => parts.length)).toEqual([2, 1, 1, 1]);
    expect(messages[0]!.parts[0]).toMatchObject({ type: "text", text: "question 1" });
    const { file: own, ...rest } = messages[0]!.parts[1] as { file: string };
    expect(rest).toMatchObject({ type: "file", name: "a.png", media_type: "image/png" });
    expect((await http.call("GET", `/v1/sessions/${copy}/files/${file}`)).statusCode).toBe(404);
    await http.call("DELETE", `/v1/sessions/${id}`);
    expect((await http.call("GET", `/v1/sessions/${copy}/files/${own}`)).rawPayload).toEqual(PIXEL);
  });

  it("is made once for one key, and not from more messages than there are", async () => {
    const id = await talked(1);
    const fork = (count: number) =>
      http.call("POST", `/v1/sessions/${id}/fork`, {
        body: { from_message_index: count },
        headers: { "idempotency-key": "f-1" },
      });
    const [first, again] = [await fork(1), await fork(1)];
    expect(again.body).toBe(first.body);
    expect((await fork(2)).statusCode).toBe(409);
    const tooMany = await http.call("POST", `/v1/sessions/${id}/fork`, { body: { from_message_index: 3 } });
    expect(tooMany.statusCode).toBe(400);
  });
});

describe("a change", () => {
  it("is of the title and of what is kept with the session, and of nothing that has changed since it was read", async () => {
    const id = await talked(1);
    const before = await http.call("GET", `/v1/sessions/${id}`);
    const patch = (body: object, etag?: string) =>
      http.call("PATCH", `/v1/sessions/${id}`, { body, headers: etag === undefined ? {} : { "if-match": etag } });
    const changed = await patch(
      { title: "Plans", metadata: { a: 1, b: { c: 2 } }, cost_data: { total: 1 } },
      String(before.headers["etag"]),
    );
    expect(changed.json()).toMatchObject({ title: "Plans", metadata: { a: 1, b: { c: 2 } }, cost_data: { total: 1 } });
    expect(changed.json<Session>().messages).toHaveLength(2);
    expect(changed.headers["etag"]).not.toBe(before.headers["etag"]);
    const late = await patch({ title: "Late" }, String(before.headers["etag"]));
    expect(late.json()).toMatchObject({ status: 412, code: "stale" });
    await patch({ metadata: { a: null, d: 3 }, cost_data: { turns: 2 } }, "*");
    const after = await http.call("GET", `/v1/sessions/${id}`);
    expect(after.json()).toMatchObject({
      title: "Plans",
      metadata: { b: { c: 2 }, d: 3 },
      cost_data: { total: 1, turns: 2 },
    });
    expect(after.json<{ metadata: object }>().metadata).not.toHaveProperty("a");
    await talk(id, "question 2", "answer 2");
    expect((await http.call("HEAD", `/v1/sessions/${id}`)).headers["etag"]).not.toBe(after.headers["etag"]);
    expect((await patch({ metadata: { big: "x".repeat(17_000) } })).statusCode).toBe(413);
    expect((await patch({ status: "idle" })).statusCode).toBe(400);
  });
});

describe("what is kept with a session", () => {
  it("is bounded, in however many steps it comes", async () => {
    const id = await http.session();
    const keep = async (field: string) => {
      const body = { metadata: { [field]: "x".repeat(16_000) } };
      return (await http.call("PATCH", `/v1/sessions/${id}`, { body })).statusCode;
    };
    expect([await keep("a"), await keep("b"), await keep("c"), await keep("d")]).toEqual([200, 200, 200, 200]);
    expect([await keep("e"), await keep("a")]).toEqual([413, 200]);
  });
});

describe("a deletion", () => {
  it("ends what goes on, and leaves nothing of the session but what was done", async () => {
    const id = await talked(1);
    const never = hold();
    model.push(["Half of", never]);
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "canary" } });
    await never.reached;
    const deleted = await http.call("DELETE", `/v1/sessions/${id}`);
    expect(deleted.json()).toEqual({ deleted: true });
    expect(model.open).toBe(0);
    expect((await http.call("GET", `/v1/sessions/${id}`)).statusCode).toBe(404);
    expect((await http.call("DELETE", `/v1/sessions/${id}`)).statusCode).toBe(404);
    const tables = ["messages", "runs", "run_events", "lanes", "compactions", "run_usage", "traces", "outbox", "inbox"];
    for (const table of tables) {
      const { rows } = await sql`select 1 from ${sql.table(table)} where session_id = ${id}`.execute(http.database.db);
      expect(rows, table).toEqual([]);
    }
    const { rows } = await sql`select 1 from inbox where parts::text like '%canary%'`.execute(http.database.db);
    expect(rows).toEqual([]);
    const entries = await http.call("GET", `/v1/audit?action=session.delete&target=${id}`);
    expect(entries.json<{ entries: object[] }>().entries).toHaveLength(1);
  });

  it("of what is open at a place leaves a fresh session there", async () => {
    const place = await newChat(http.database.db);
    const deleted = await http.call("DELETE", `/v1/sessions/${place.sessionId}`, { user: place.userId });
    expect(deleted.json()).toEqual({ deleted: true });
    const { sessions } = (await http.call("GET", "/v1/sessions", { user: place.userId })).json<{
      sessions: (Session & { platform: string })[];
    }>();
    expect(sessions).toMatchObject([{ head_seq: 0, platform: "telegram", agent: "demo" }]);
    expect(sessions[0]!.session_id).not.toBe(place.sessionId);
  });
});

describe("runs", () => {
  it("are listed newest first, and one of them is ended while the one beside it goes on", async () => {
    const id = await talked(1);
    const [one, two] = [hold(), hold()];
    model.push(["first", one]);
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "question 2" } });
    await one.reached;
    model.push(["second", two]);
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "question 3" } });
    await two.reached;
    const list = async (query = "") =>
      (await http.call("GET", `/v1/sessions/${id}/runs${query}`)).json<{
        runs: { run_id: string; status: string; trace_id: string; agent: string }[];
        next_cursor: string | null;
      }>();
    const { runs } = await list();
    expect(runs.map(({ status }) => status)).toEqual(["running", "running", "completed"]);
    expect(runs[0]).toMatchObject({ agent: "tester", trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect((await read(id)).status).toBe("running");
    const running = (await http.call("GET", "/v1/sessions?status=running")).json<{ sessions: Session[] }>();
    expect(running.sessions.map((session) => session.session_id)).toEqual([id]);

    const cancel = (run: string) => http.call("POST", `/v1/sessions/${id}/runs/${run}/cancel`);
    expect((await cancel(runs[0]!.run_id)).statusCode).toBe(202);
    await until("the end", async () => (await list()).runs[0]!.status === "cancelled");
    expect((await list()).runs.map(({ status }) => status)).toEqual(["cancelled", "running", "completed"]);
    expect((await cancel(runs[0]!.run_id)).json()).toMatchObject({ status: 409 });
    expect((await cancel(newId("run"))).json()).toMatchObject({ status: 404 });
    expect((await http.call("POST", `/v1/sessions/${id}/stop`)).statusCode).toBe(202);
    const entries = await Promise.all(
      [runs[0]!.run_id, id].map(async (target) => {
        const { statusCode, body } = await http.call("GET", `/v1/audit?target=${target}`);
        return [
          statusCode,
          (JSON.parse(body) as { entries: { action: string }[] }).entries.map(({ action }) => action),
        ];
      }),
    );
    expect(entries).toEqual([
      [200, ["run.cancel"]],
      [200, ["session.stop"]],
    ]);
    one.release();
    await until("the end of both", async () => (await read(id)).status === "idle");

    const first = await list("?limit=2");
    expect(first.runs.map(({ run_id: run }) => run)).toEqual(runs.slice(0, 2).map(({ run_id: run }) => run));
    const rest = await list(`?limit=2&cursor=${first.next_cursor}`);
    expect(rest.runs.map(({ run_id: run }) => run)).toEqual([runs[2]!.run_id]);
    expect(rest.next_cursor).toBeNull();
    const everywhere = (await http.call("GET", "/v1/runs?status=cancelled")).json<{ runs: object[] }>();
    const { user_id: user } = await read(id);
    expect(everywhere.runs).toContainEqual(expect.objectContaining({ run_id: runs[0]!.run_id, user_id: user }));
    const others = (await http.call("GET", "/v1/runs", { user: "nobody" })).json<{ runs: object[] }>();
    expect(others.runs).toEqual([]);
  });
});
