import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readKeyText } from "../../src/http/key-text.ts";
import { scopesFor } from "../../src/http/principal.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.stop());

interface KeyJson {
  key_id: string;
  key: string;
  scopes: string[];
  expires_at: string | null;
  [field: string]: unknown;
}

const make = (body: object, key?: string) => http.call("POST", "/v1/keys", { body, ...(key ? { key } : {}) });
const made = async (body: object, key?: string): Promise<KeyJson> => (await make(body, key)).json<KeyJson>();
const opens = async (key: string): Promise<number> => (await http.call("GET", "/v1/sessions", { key })).statusCode;
const owner = (scopes: string[], rest: object = {}) => made({ name: "owner", role: "owner", scopes, ...rest });

describe("a key", () => {
  it("is shown once, and works until it is revoked, at once on the replica that did so", async () => {
    const { key, ...rest } = await made({ name: "of the night shift", role: "viewer" });
    expect(rest).toMatchObject({
      key_id: readKeyText(key),
      name: "of the night shift",
      role: "viewer",
      agent: null,
      user_id: null,
      scopes: scopesFor({ kind: "operator", role: "viewer" }),
      created_by: "admin",
      expires_at: null,
      last_used_at: null,
    });
    expect(await opens(key)).toBe(200);
    const read = await http.call("GET", `/v1/keys/${rest.key_id}`);
    expect(read.json()).toMatchObject({ key_id: rest.key_id, role: "viewer" });
    const list = await http.call("GET", "/v1/keys");
    for (const shown of [read.body, list.body]) expect(shown).not.toContain(key.split("_").slice(2, -1).join("_"));
    expect((await http.call("DELETE", `/v1/keys/${rest.key_id}`)).json()).toMatchObject({
      revoked_at: expect.any(String),
    });
    expect(await opens(key)).toBe(401);
    const again = await http.call("POST", `/v1/keys/${rest.key_id}/rotate`);
    expect([again.statusCode, again.json<{ code: string }>().code]).toEqual([409, "conflict"]);
  });

  it("of a person is made by their name, and reads their talks alone", async () => {
    const session = await http.session("ann");
    const { key, user_id: user } = await made({ name: "ann's", user: "ann" });
    expect(user).toBe(await http.gateway.service.actFor("ann"));
    const list = (await http.call("GET", "/v1/sessions", { key })).json<{ sessions: { session_id: string }[] }>();
    expect(list.sessions.map(({ session_id: id }) => id)).toEqual([session]);
  });

  it("has two secrets while it is rotated, and then the new one alone", async () => {
    const { key, key_id: id } = await made({ name: "rotated", role: "viewer" });
    const second = (
      await http.call("POST", `/v1/keys/${id}/rotate`, { body: { overlap_seconds: 3600 } })
    ).json<KeyJson>();
    expect(second["previous_until"]).toEqual(expect.any(String));
    expect([await opens(key), await opens(second.key)]).toEqual([200, 200]);
    const third = (await http.call("POST", `/v1/keys/${id}/rotate`, { body: { overlap_seconds: 0 } })).json<KeyJson>();
    expect(third["previous_until"]).toBeNull();
    expect([await opens(key), await opens(second.key), await opens(third.key)]).toEqual([401, 401, 200]);
  });

  it("can be changed in what it is good for", async () => {
    const { key, key_id: id } = await made({ name: "changing", role: "operator" });
    expect(await opens(key)).toBe(200);
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const changed = await http.call("PATCH", `/v1/keys/${id}`, {
      body: { name: "changed", scopes: ["deliveries:read"], expires_at: expires },
    });
    expect(changed.json()).toMatchObject({ name: "changed", scopes: ["deliveries:read"], expires_at: expires });
    expect(await opens(key)).toBe(403);
    expect((await http.call("GET", "/v1/deliveries", { key })).statusCode).toBe(200);
  });

  it.each([
    ["no one", {}],
    ["two", { role: "viewer", agent: "mira" }],
    ["a scope that its kind cannot have", { role: "viewer", scopes: ["sessions:write"] }],
    ["an unknown scope", { role: "viewer", scopes: ["everything"] }],
    ["a past", { role: "viewer", expires_at: "2020-01-01T00:00:00Z" }],
    ["a field that is not known", { role: "viewer", key: "mine" }],
  ])("of %s is refused", async (_name, body) => {
    expect((await make({ name: "x", ...body })).statusCode).toBe(400);
  });

  it.each(["GET", "PATCH", "DELETE", "POST"] as const)("that is not there is not found: %s", async (method) => {
    for (const id of [`key_${"0".repeat(32)}`, "x", `ses_${"0".repeat(32)}`]) {
      const url = `/v1/keys/${id}${method === "POST" ? "/rotate" : ""}`;
      const body = method === "PATCH" ? { name: "x" } : undefined;
      const answer = await http.call(method, url, { ...(body && { body }) });
      expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([404, "There is no such key."]);
    }
  });

  it("is found page by page, newest first", async () => {
    const all = (await http.call("GET", "/v1/keys?limit=200")).json<{ keys: KeyJson[] }>().keys;
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const url: string = `/v1/keys?limit=2${cursor && `&cursor=${cursor}`}`;
      const page = (await http.call("GET", url)).json<{ keys: KeyJson[]; next_cursor: string | null }>();
      seen.push(...page.keys.map(({ key_id: id }) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(all.map(({ key_id: id }) => id));
    expect(seen.length).toBeGreaterThan(3);
    const [first, , third] = seen;
    const named = (await http.call("GET", `/v1/keys?ids=${third},${first},key_none`)).json<{ keys: KeyJson[] }>().keys;
    expect(named.map(({ key_id: id }) => id)).toEqual([first, third]);
  });
});

describe("security-33: who makes keys", () => {
  it("is an owner alone", async () => {
    for (const body of [{ role: "operator" }, { role: "viewer" }, { agent: "mira" }, { user: "ann" }]) {
      const { key } = await made({ name: "no owner", ...body });
      expect((await make({ name: "x", role: "viewer" }, key)).statusCode).toBe(403);
    }
  });

  it("gives no more than they have, also not by changing or rotating a greater key", async () => {
    const small = await owner(["keys:write", "traces:read"]);
    const great = await made({ name: "great", role: "owner" });
    expect((await made({ name: "x", role: "owner" }, small.key)).scopes.toSorted()).toEqual([
      "keys:write",
      "traces:read",
    ]);
    const refused = [
      await make({ name: "x", role: "owner", scopes: ["sessions:read"] }, small.key),
      await http.call("PATCH", `/v1/keys/${small.key_id}`, { body: { scopes: ["audit:read"] }, key: small.key }),
      await http.call("PATCH", `/v1/keys/${great.key_id}`, { body: { name: "mine" }, key: small.key }),
      await http.call("POST", `/v1/keys/${great.key_id}/rotate`, { key: small.key }),
    ];
    for (const answer of refused) {
      expect(answer.statusCode).toBe(403);
      expect(answer.json<{ detail: string }>().detail).toMatch(/^A key cannot grant more than it may itself: /);
    }
    expect(await opens(great.key)).toBe(200);
  });

  it("revokes no key that may more than their own, and any other", async () => {
    const small = await owner(["keys:write", "traces:read"]);
    const great = await made({ name: "great", role: "owner" });
    const same = await owner(["keys:write"]);
    const revoke = async (id: string, key: string) => http.call("DELETE", `/v1/keys/${id}`, { key });
    const refused = await revoke(great.key_id, small.key);
    expect(refused.statusCode).toBe(403);
    expect(refused.json()).toMatchObject({
      detail: expect.stringMatching(/^A key cannot revoke one that may more than itself: .*sessions:write/),
    });
    expect(await opens(great.key)).toBe(200);
    for (const { key_id: id } of [same, small]) expect((await revoke(id, small.key)).statusCode).toBe(200);
  });

  it("gives nothing that was taken from them elsewhere a moment ago", async () => {
    const mine = await owner(["keys:write", "sessions:read"]);
    expect((await made({ name: "x", role: "viewer" }, mine.key)).scopes).toEqual(["sessions:read"]);
    await sql`update api_keys set scopes = '{keys:write}' where id = ${mine.key_id}`.execute(http.database.db);
    expect((await make({ name: "x", role: "viewer", scopes: ["sessions:read"] }, mine.key)).statusCode).toBe(403);
  });

  it("makes nothing that outlives their own key", async () => {
    const expires = (ms: number) => new Date(Date.now() + ms).toISOString();
    const mine = await owner(["keys:write", "sessions:read"], { expires_at: expires(60_000) });
    const statuses = await Promise.all(
      [null, expires(120_000), expires(30_000)].map(
        async (at) => (await make({ name: "x", role: "owner", expires_at: at }, mine.key)).statusCode,
      ),
    );
    expect(statuses).toEqual([403, 403, 201]);
  });

  it("does so with a key that holds, and no longer", async () => {
    const { key, key_id: id } = await owner(["keys:write"]);
    expect((await make({ name: "x", role: "owner" }, key)).statusCode).toBe(201);
    // Elsewhere, so that this replica takes it for valid yet.
    await sql`update api_keys set revoked_at = now() where id = ${id}`.execute(http.database.db);
    expect((await make({ name: "x", role: "owner" }, key)).statusCode).toBe(401);
  });
});

describe("the audit log", () => {
  it("tells who did what with which key, by pages, to those who may know", async () => {
    const { key, key_id: id } = await owner(["keys:write", "audit:read", "sessions:read"]);
    const { key_id: other } = await made({ name: "secret name", agent: "mira", scopes: ["sessions:read"] }, key);
    await http.call("PATCH", `/v1/keys/${other}`, { body: { name: "another secret name" } });
    await http.call("POST", `/v1/keys/${other}/rotate`);
    await http.call("DELETE", `/v1/keys/${other}`);
    await http.call("DELETE", `/v1/keys/${other}`);

    const answer = await http.call("GET", `/v1/audit?target=${other}&since=1h`, { key });
    const { entries } = answer.json<{ entries: { action: string; actor: string; detail: object }[] }>();
    expect(entries.map(({ action, actor }) => [action, actor])).toEqual([
      ["key.revoke", "admin"],
      ["key.rotate", "admin"],
      ["key.update", "admin"],
      ["key.create", id],
    ]);
    expect(entries[3]!.detail).toEqual({
      role: null,
      agent: "mira",
      user_id: null,
      scopes: ["sessions:read"],
      expires_at: null,
    });
    expect(answer.body).not.toContain("secret name");
    const mine = (await http.call("GET", `/v1/audit?actor=${id}&action=key.create`)).json<{ entries: unknown[] }>();
    expect(mine.entries).toHaveLength(1);
    const first = (await http.call("GET", `/v1/audit?target=${other}&limit=3`)).json<{ next_cursor: string }>();
    const rest = await http.call("GET", `/v1/audit?target=${other}&cursor=${first.next_cursor}`);
    expect(rest.json()).toMatchObject({ entries: [{ action: "key.create" }], next_cursor: null });
    expect((await http.call("GET", "/v1/audit?until=1h", { key })).json()).toEqual({ entries: [], next_cursor: null });
    expect((await http.call("GET", "/v1/audit?since=yesterday")).statusCode).toBe(400);
    const { key: agents } = await made({ name: "x", agent: "mira" });
    expect((await http.call("GET", "/v1/audit", { key: agents })).statusCode).toBe(403);
  });

  it("tells who let a stranger in", async () => {
    const { db } = http.database;
    await sql`insert into pairings (code, platform, external_id, expires_at)
              values ('ABCDEFGH', 'telegram', '4711', now() + interval '1 hour')`.execute(db);
    const { key, key_id: id } = await made({ name: "x", role: "operator" });
    expect((await http.call("POST", "/v1/pairings/ABCDEFGH/approve", { key })).statusCode).toBe(200);
    const { entries } = (await http.call("GET", `/v1/audit?action=pairing.approve`)).json<{
      entries: { actor: string; target: string }[];
    }>();
    expect(entries).toEqual([expect.objectContaining({ actor: id, target: expect.stringMatching(/^usr_/) })]);
  });
});
