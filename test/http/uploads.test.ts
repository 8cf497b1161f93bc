import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

let http: TestHttp;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model });
});
afterAll(() => http.stop());

interface Part {
  type: string;
  kind?: string;
  name?: string;
  file?: string;
  problem?: string;
}

const upload = (session: string, name: string, body: Buffer | string, user = "ann") =>
  http.call("POST", `/v1/sessions/${session}/files?name=${encodeURIComponent(name)}`, {
    user,
    body: Buffer.from(body),
    headers: { "content-type": "image/png" },
  });

async function uploaded(session: string, name: string, body: Buffer | string, user = "ann"): Promise<string> {
  return (await upload(session, name, body, user)).json<{ file: string }>().file;
}

const say = (session: string, body: object, headers = {}) =>
  http.call("POST", `/v1/sessions/${session}/messages`, { body, headers });

async function historyOf(session: string): Promise<{ role: string; text: string; parts: Part[] }[]> {
  const read = await http.call("GET", `/v1/sessions/${session}/messages`);
  return read.json<{ messages: { role: string; text: string; parts: Part[] }[] }>().messages;
}

async function answered(session: string): Promise<void> {
  await until("it is answered", async () => (await historyOf(session)).some(({ role }) => role === "assistant"));
}

async function unsent(): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from files where unsent`.execute(
    http.database.db,
  );
  return rows[0]!.n;
}

describe("a file that is uploaded", () => {
  it("comes with the message that names it: the agent reads it, and the history shows it", async () => {
    const session = await http.session();
    const told = await upload(session, "C:\\notes\\größe.txt", "the word is heron");
    expect(told.statusCode, told.body).toBe(201);
    // What it is, its bytes say, not whoever sends it.
    expect(told.json()).toMatchObject({ kind: "document", name: "größe.txt", media_type: "text/plain", size: 17 });
    const picture = await upload(session, "duck.png", PNG);
    expect(picture.json()).toMatchObject({ kind: "image", media_type: "image/png" });
    const files = [told, picture].map((answer) => answer.json<{ file: string }>().file);
    model.push("A heron.");
    expect((await say(session, { text: "Which word?", files })).statusCode).toBe(202);
    await answered(session);
    const asked = JSON.stringify(model.requests.at(-1));
    expect(asked).toContain("the word is heron");
    expect(asked).toContain("duck.png");
    const [message] = await historyOf(session);
    expect(message).toMatchObject({ text: "Which word?" });
    expect(message!.parts.filter(({ type }) => type === "file")).toMatchObject([
      { file: files[0], name: "größe.txt" },
      { file: files[1], name: "duck.png", kind: "image" },
    ]);
    expect(message!.parts.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const read = await http.call("GET", `/v1/sessions/${session}/files/${files[0]}`);
    expect(read.body).toBe("the word is heron");
    expect(await unsent()).toBe(0);
  });

  it("may come without words, and again with the same key", async () => {
    const session = await http.session();
    const file = await uploaded(session, "a.txt", "alone");
    model.push("I see.");
    const key = { "idempotency-key": "once" };
    const first = await say(session, { text: "", files: [file] }, key);
    expect(first.statusCode, first.body).toBe(202);
    await answered(session);
    expect((await say(session, { text: "", files: [file] }, key)).json()).toEqual(first.json());
    const other = await uploaded(session, "b.txt", "another");
    expect((await say(session, { text: "", files: [other] }, key)).statusCode).toBe(409);
    expect((await say(session, { text: " ", files: [] })).statusCode).toBe(400);
  });

  it("security-27: is refused where it is too large, empty, or nothing that can be read", async () => {
    const session = await http.session();
    for (const [body, status, why] of [
      [Buffer.alloc(20_000_001, "x"), 413, "at most 20 MB"],
      [Buffer.concat([PNG, Buffer.alloc(10_000_000)]), 413, "at most 10 MB"],
      ["", 400, "empty"],
      [Buffer.from("504b", "hex"), 201, ""],
      [Buffer.from("1f8b0800", "hex"), 400, "cannot read this kind"],
    ] as const) {
      const answer = await upload(session, "x", body);
      expect(answer.statusCode, answer.body).toBe(status);
      expect(answer.body).toContain(why);
    }
  });

  it("security-16: is nobody else's to send, nor in another session", async () => {
    const session = await http.session();
    const file = await uploaded(session, "a.txt", "mine");
    const theirs = await http.session("mallory");
    const other = await http.session();
    const asked = { text: "read it to me", files: [file] };
    for (const [user, into] of [
      ["mallory", theirs],
      ["mallory", session],
      ["ann", other],
    ] as const) {
      const answer = await http.call("POST", `/v1/sessions/${into}/messages`, { user, body: asked });
      expect(answer.statusCode, into).toBe(404);
      expect(await historyOf(other)).toEqual([]);
    }
    for (const files of [[file, "fil_unknown"], ["../../etc/passwd"]]) {
      expect((await say(session, { text: "and this", files })).statusCode).toBe(404);
    }
    expect((await upload(session, "b.txt", "into hers", "mallory")).statusCode).toBe(404);
    expect(await historyOf(session)).toEqual([]);
    // Nothing of it was taken.
    expect(await unsent()).toBeGreaterThan(0);
  });

  it("waits in a bounded number, and goes after a while", async () => {
    const session = await http.session("cat");
    const before = await unsent();
    for (let n = 0; n < 40; n++) expect((await upload(session, "n", "x", "cat")).statusCode).toBe(201);
    const full = await upload(await http.session("cat"), "n", "x", "cat");
    expect(full.statusCode).toBe(429);
    expect(full.json<{ detail: string }>().detail).toContain("Send them");
    await sql`update files set created_at = now() - interval '61 minutes' where session_id = ${session}`.execute(
      http.database.db,
    );
    const next = await upload(session, "n", "x", "cat");
    expect(next.statusCode).toBe(201);
    expect(await unsent()).toBe(before + 1);
    await sql`update files set created_at = now() - interval '25 hours' where unsent`.execute(http.database.db);
    await deleteStale(http.database.db, RETENTION_DAYS);
    expect(await unsent()).toBe(0);
    const sent = { text: "late", files: [next.json<{ file: string }>().file] };
    expect((await http.call("POST", `/v1/sessions/${session}/messages`, { user: "cat", body: sent })).statusCode).toBe(
      404,
    );
  });
});
