import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountId, type UserId } from "../../src/ids.ts";
import { pairingFor, upsertIdentity } from "../../src/store/identities.ts";
import { upsertPlace } from "../../src/store/places.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { allWords } from "../support/all-words.ts";
import { until } from "../support/test-gateway.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;

beforeAll(async () => {
  http = await startHttp({ model: scriptedModel(...Array.from({ length: 20 }, () => "Answer.")) });
});
afterAll(() => http.stop());

const db = () => http.database.db;

async function person(id: string, name: string): Promise<UserId> {
  return (await withTransaction(db(), (trx) => upsertIdentity(trx, "telegram", id, name))).userId;
}

async function listed(query: string): Promise<string[]> {
  const response = await http.call("GET", `/v1/users?${query}`);
  return response.json<{ users: { name: string }[] }>().users.map(({ name }) => name);
}

/** Says something as a user of the API, and waits for the answer. */
async function talk(user: string, text: string): Promise<{ session: string; id: UserId }> {
  const session = await http.session(user);
  await http.call("POST", `/v1/sessions/${session}/messages`, { user, body: { text } });
  const read = async () => (await http.call("GET", `/v1/sessions/${session}`, { user })).json<{ head_seq: number }>();
  await until("the answer", async () => (await read()).head_seq === 2);
  return { session, id: await http.gateway.service.actFor(user) };
}

function lines(body: string): Record<string, unknown>[] {
  return body
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("users", () => {
  it("are found by name, platform and block, a page at a time", async () => {
    for (const [index, name] of ["Ada", "Adam", "Eve"].entries()) await person(`${index}`, name);
    expect(await listed("platform=telegram&q=ada")).toEqual(["Adam", "Ada"]);
    expect(await listed("q=%25")).toEqual([]);
    const first = await http.call("GET", "/v1/users?platform=telegram&limit=2");
    const { users, next_cursor: cursor } = first.json<{ users: { name: string }[]; next_cursor: string }>();
    expect(users.map(({ name }) => name)).toEqual(["Eve", "Adam"]);
    expect(await listed(`platform=telegram&limit=2&cursor=${cursor}`)).toEqual(["Ada"]);
    expect(await listed("platform=telegram&since=1h")).toHaveLength(3);
    expect(await listed("platform=telegram&until=1h")).toHaveLength(0);
    const ids = [await person("1", "Adam"), await person("2", "Eve"), "usr_nobody"];
    expect(await listed(`ids=${ids.join(",")}`)).toEqual(["Eve", "Adam"]);
    for (const query of ["cursor=x", "ids=", "ids=%00"])
      expect((await http.call("GET", `/v1/users?${query}`)).statusCode).toBe(400);
  });

  it("are blocked and let in again, each time once in the audit", async () => {
    const id = await person("7", "Mallory");
    for (const blocked of [true, true, false]) {
      const changed = await http.call("PATCH", `/v1/users/${id}`, { body: { blocked } });
      expect(changed.json()).toMatchObject({ user_id: id, name: "Mallory", blocked });
      expect(await listed("blocked=true")).toEqual(blocked ? ["Mallory"] : []);
      const [identity] = changed.json<{ identities: { blocked_at: string | null }[] }>().identities;
      expect(identity?.blocked_at ?? "never").toMatch(blocked ? /^[\d-]+T[\d:.]+Z$/ : /^never$/);
    }
    const audit = await http.call("GET", `/v1/audit?target=${id}`);
    const entries = audit.json<{ entries: { action: string }[] }>().entries.map(({ action }) => action);
    expect(entries.toSorted()).toEqual(["user.block", "user.unblock"]);
  });

  it("read what is theirs while they are blocked, and change nothing over the API", async () => {
    const { id, session } = await talk("Xenia", "hello");
    const key = await http.key({ kind: "person", user: id });
    await http.call("PATCH", `/v1/users/${id}`, { body: { blocked: true } });
    const tries = [
      ["GET", `/v1/sessions/${session}`, undefined, 200],
      ["POST", "/v1/sessions", {}, 403],
      ["PATCH", `/v1/sessions/${session}`, { title: "mine" }, 403],
      ["POST", "/v1/feedback", { session_id: session, rating: 1 }, 403],
    ] as const;
    for (const [method, url, body, status] of tries) {
      expect((await http.call(method, url, { key, ...(body && { body }) })).statusCode, `${method} ${url}`).toBe(
        status,
      );
    }
  });

  it("security-16: are for operators, and an id that is unknown is not there", async () => {
    const id = await person("8", "Bob");
    const unknown = `usr_${"0".repeat(32)}`;
    const bodies = { PATCH: { body: { blocked: true } }, GET: {}, DELETE: {} };
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/export"],
      ["GET", "/erasure"],
      ["PATCH", ""],
      ["DELETE", ""],
    ] as const) {
      for (const wrong of [unknown, "x", id.replace("usr", "ses")]) {
        expect((await http.call(method, `/v1/users/${wrong}${path}`, bodies[method])).statusCode).toBe(404);
      }
      for (const bound of [
        { kind: "person", user: id },
        { kind: "agent", agent: "tester" },
      ] as const) {
        const headers = { authorization: `Bearer ${await http.key(bound)}` };
        const { payload } = { payload: "body" in bodies[method] ? { blocked: true } : undefined };
        const response = await http.app.inject({
          method,
          url: `/v1/users/${id}${path}`,
          headers,
          ...(payload && { payload }),
        });
        expect(response.statusCode).toBe(403);
      }
    }
  });

  it("that are places without a title are named by where they are", async () => {
    const [id, place] = [await person("10", "Dan"), { kind: "group", chat: "C77", thread: "", title: "" } as const];
    await withTransaction(db(), (trx) => upsertPlace(trx, accountId("slack", "T1"), place, id, "tester"));
    expect(await listed("kind=place")).toEqual(["slack:T1:C77"]);
  });

  it("who wait at the gate are listed with their codes", async () => {
    const stranger = { platform: "telegram", externalId: "9", name: "Carol" };
    await pairingFor(db(), stranger, "CODE2345", { ttlMs: 60_000, tries: 3 });
    const { pairings } = (await http.call("GET", "/v1/pairings")).json<{ pairings: unknown[] }>();
    expect(pairings).toMatchObject([{ code: "CODE2345", platform: "telegram", external_id: "9", name: "Carol" }]);
  });
});

describe("security-45: a person's data", () => {
  it("are exported whole, nobody else's with them, and then erased", async () => {
    const { id, session } = await talk("Zoe CANARY", "a secret CANARY");
    await talk("somebody else", "another's word");
    const exported = await http.call("GET", `/v1/users/${id}/export`);
    expect(exported.headers["content-type"]).toContain("application/x-ndjson");
    const all = lines(exported.body);
    expect(all[0]).toMatchObject({ type: "manifest", user_id: id });
    expect(all.at(-1)).toMatchObject({ type: "end", counts: { user: 1, identity: 1, session: 1, message: 2, run: 1 } });
    const of = (type: string) => all.filter((line) => line["type"] === type);
    expect(of("identity")).toMatchObject([{ external_id: "Zoe CANARY" }]);
    expect(of("message")).toMatchObject([
      { session_id: session, role: "user", parts: [{ text: "a secret CANARY" }] },
      { session_id: session, role: "assistant", parts: [{ text: "Answer." }] },
    ]);
    expect(exported.body).not.toContain("another's word");

    const dry = await http.call("DELETE", `/v1/users/${id}?dry_run=true`);
    expect(dry.json()).toMatchObject({ dry_run: true, identities: 1, sessions: 1, messages: 2 });
    const erased = await http.call("DELETE", `/v1/users/${id}`);
    expect(erased.statusCode).toBe(202);
    expect((await http.call("GET", `/v1/users/${id}`)).statusCode).toBe(404);
    await until("the end", async () => {
      const state = await http.call("GET", `/v1/users/${id}/erasure`);
      return state.json<{ ended_at: string | null }>().ended_at !== null;
    });
    const left = await allWords(db());
    expect(left).not.toContain("CANARY");
    expect(left).toContain("another's word");
    expect(JSON.stringify(http.lines)).not.toContain("CANARY");
    expect(left).toContain("user.erase");
  }, 20_000);

  it("are nobody's any more for a key that was theirs", async () => {
    const { id } = await talk("Yves", "hello");
    const key = await http.key({ kind: "person", user: id });
    await http.call("DELETE", `/v1/users/${id}`);
    const { rows } = await sql<{ revoked: boolean }>`
      select revoked_at is not null as revoked from api_keys where user_id = ${id}`.execute(db());
    expect(rows).toEqual([{ revoked: true }]);
    const refused = await http.app.inject({ url: "/v1/sessions", headers: { authorization: `Bearer ${key}` } });
    expect(refused.statusCode).toBe(401);
  });
});

it("one replica keeps house, and says so", async () => {
  await until("a holder", async () => {
    const state = (await http.call("GET", "/v1/housekeeping")).json<{ holder: string; succeeded_at: string }>();
    return state.holder === http.gateway.replica && state.succeeded_at !== null;
  });
});
