import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyRing } from "../../src/http/key-ring.ts";
import { newKeyText, readKeyText } from "../../src/http/key-text.ts";
import { scopesFor } from "../../src/http/principal.ts";
import type { UserId } from "../../src/ids.ts";
import type { KeyBinding } from "../../src/store/api-keys.ts";
import { silentLog } from "../support/store-engines.ts";
import { until } from "../support/test-gateway.ts";
import { openReader } from "./sse-reader.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

const OWNER: KeyBinding = { kind: "operator", role: "owner" };
const VIEWER: KeyBinding = { kind: "operator", role: "viewer" };
const AGENT: KeyBinding = { kind: "agent", agent: "mira" };

let http: TestHttp;
beforeAll(async () => {
  http = await startHttp({ limits: { standingMs: 20 } });
});
afterAll(() => http.stop());

/** From an address of its own, so that failures count for one test alone. */
let client = 0;
async function tryKey(key: string, url = "/v1/sessions") {
  client++;
  const remoteAddress = `198.51.100.${client}`;
  return http.app.inject({ url, headers: { authorization: `Bearer ${key}` }, remoteAddress });
}

const idOf = (key: string): string => readKeyText(key)!;

describe("security-32: a stored key", () => {
  it("opens the API, and is kept as a digest alone", async () => {
    const key = await http.key(OWNER);
    expect(key).toMatch(/^parley_[0-9a-f]{32}_[\w-]{43}_[0-9a-f]{8}$/);
    expect((await tryKey(key)).statusCode).toBe(200);
    const { rows } = await sql<{ row: string }>`select k::text as row from api_keys k where id = ${idOf(key)}`.execute(
      http.database.db,
    );
    const secret = key.split("_").slice(2, -1).join("_");
    expect(rows[0]!.row).toContain(idOf(key));
    expect(rows[0]!.row).not.toContain(secret.slice(0, 8));
  });

  it("is refused in the same words whether it is unknown, mistyped, of another secret, expired or revoked", async () => {
    const revoked = await http.key(OWNER);
    await sql`update api_keys set revoked_at = now() where id = ${idOf(revoked)}`.execute(http.database.db);
    const known = await http.key(OWNER);
    const id = known.slice("parley_".length, "parley_".length + 32);
    const answers = await Promise.all(
      [
        newKeyText().text,
        `${known.slice(0, -1)}${known.endsWith("0") ? "1" : "0"}`,
        newKeyText(`key_${id}` as never).text,
        await http.key(OWNER, { expiresAt: new Date(Date.now() - 60_000) }),
        revoked,
      ].map((key) => tryKey(key)),
    );
    for (const answer of answers) {
      expect(answer.statusCode).toBe(401);
      expect(answer.body).toBe(answers[0]!.body);
    }
    expect((await tryKey(known)).statusCode).toBe(200);
  });

  it("that is mistyped or no key costs no question to the database", async () => {
    const noDatabase = new Proxy({}, { get: () => expect.unreachable("the database was asked") });
    const keys = new KeyRing({ db: noDatabase as never, log: silentLog, adminKey: () => KEY });
    const { text } = newKeyText();
    for (const wrong of [
      "",
      "x",
      text.slice(1),
      `${text}0`,
      text.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
    ]) {
      expect(await keys.principalOf(wrong)).toBeNull();
    }
  });

  it("is not taken from the query", async () => {
    expect((await http.app.inject(`/v1/sessions?key=${await http.key(OWNER)}`)).statusCode).toBe(401);
  });

  it("tells when it was last used, once a minute at most", async () => {
    const key = await http.key(OWNER);
    const lastUsed = async () => {
      const { rows } = await sql<{ at: Date | null }>`
        select last_used_at as at from api_keys where id = ${idOf(key)}`.execute(http.database.db);
      return rows[0]!.at;
    };
    expect(await lastUsed()).toBeNull();
    await tryKey(key);
    await expect.poll(lastUsed).not.toBeNull();
    const first = await lastUsed();
    await tryKey(key);
    expect(await lastUsed()).toEqual(first);
  });

  it("that the database cannot tell of opens nothing, and is no failure of the client", async () => {
    const failing = new KeyRing({
      db: { getExecutor: () => expect.unreachable() } as never,
      log: silentLog,
      adminKey: () => KEY,
    });
    await expect(failing.principalOf(newKeyText().text)).rejects.toThrow();
    expect(await failing.principalOf(KEY)).toMatchObject({ keyId: null });
  });
});

describe("security-31: a key that was revoked or has expired elsewhere", () => {
  it("is refused after 10 s, and meanwhile the database is asked once", async () => {
    let now = 0;
    const keys = new KeyRing({ db: http.database.db, log: silentLog, adminKey: () => KEY, now: () => now });
    const [revoked, expired] = [await http.key(OWNER), await http.key(OWNER)];
    expect(await keys.principalOf(revoked)).toMatchObject({ keyId: idOf(revoked) });
    expect(await keys.principalOf(expired)).not.toBeNull();
    await sql`update api_keys set revoked_at = now() where id = ${idOf(revoked)}`.execute(http.database.db);
    await sql`update api_keys set expires_at = now() where id = ${idOf(expired)}`.execute(http.database.db);
    now = 9_999;
    expect(await keys.principalOf(revoked)).not.toBeNull();
    now = 10_001;
    expect(await keys.principalOf(revoked)).toBeNull();
    expect(await keys.principalOf(expired)).toBeNull();
  });

  it("is refused at the time it was made for, however fresh it was read", async () => {
    let now = 0;
    const keys = new KeyRing({ db: http.database.db, log: silentLog, adminKey: () => KEY, now: () => now });
    const key = await http.key(OWNER, { expiresAt: new Date(Date.now() + 5_000) });
    expect(await keys.principalOf(key)).not.toBeNull();
    now = 5_001;
    expect(await keys.principalOf(key)).toBeNull();
  });
});

describe("security-31: a stream of events that is open", () => {
  let url: string;
  beforeAll(async () => {
    url = await http.listen();
  });

  it("ends when its key is revoked, and before anything more is said", async () => {
    const session = await http.session();
    const { user_id: user } = (await http.call("GET", `/v1/sessions/${session}`)).json<{ user_id: UserId }>();
    const key = await http.key({ kind: "person", user });
    const [stays, reader] = [await openReader(url, session), await openReader(url, session, { key })];
    expect((await http.call("DELETE", `/v1/keys/${idOf(key)}`)).statusCode).toBe(200);
    await reader.over;
    await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text: "between us" } });
    await until("the message", () => stays.events.length > 0);
    expect(reader.events).toEqual([]);
    stays.leave();
  });

  it("ends for an agent whose session another one goes on with", async () => {
    const session = await http.session();
    const hand = (agent: string) =>
      sql`update talk_sessions set agent = ${agent} where id = ${session}`.execute(http.database.db);
    await hand("mira");
    const reader = await openReader(url, session, { key: await http.key(AGENT) });
    await hand("another");
    await reader.over;
    expect(reader.events).toEqual([]);
  });
});

describe("security-33: what a key is good for", () => {
  it("is its scopes", async () => {
    const key = await http.key(OWNER, { scopes: ["sessions:read"] });
    expect((await http.call("GET", "/v1/sessions", { key })).statusCode).toBe(200);
    const refused = await http.call("POST", "/v1/sessions", { key });
    expect(refused.statusCode).toBe(403);
    expect(refused.json()).toMatchObject({
      code: "forbidden",
      detail: "This key may not do that: it lacks the scope sessions:write.",
    });
  });

  it("is no writing for a viewer, and no making of keys for an operator", () => {
    expect(scopesFor(VIEWER).filter((scope) => !scope.endsWith(":read"))).toEqual([]);
    expect(scopesFor({ kind: "operator", role: "operator" })).not.toContain("keys:write");
    expect(scopesFor(OWNER)).toContain("keys:write");
    for (const bound of [AGENT, { kind: "person", user: "usr_x" as UserId } as const]) {
      expect(scopesFor(bound).filter((scope) => /^(keys|users|audit|deliveries|pairings|metrics)/.test(scope))).toEqual(
        [],
      );
    }
  });

  it("is its person alone, whom no header changes", async () => {
    const session = await http.session("ann");
    const user = await http.gateway.service.actFor("ann");
    const [anns, bobs] = await Promise.all([
      http.key({ kind: "person", user }),
      http.key({ kind: "person", user: await http.gateway.service.actFor("bob") }),
    ]);
    expect((await http.call("GET", `/v1/sessions/${session}`, { key: anns })).statusCode).toBe(200);
    expect((await http.call("GET", `/v1/sessions/${session}`, { key: bobs })).statusCode).toBe(404);
    const named = await http.call("GET", `/v1/sessions/${session}`, { key: bobs, user: "ann" });
    expect([named.statusCode, named.json<{ code: string }>().code]).toEqual([403, "forbidden"]);
  });

  it("is nobody's talks for an agent", async () => {
    const key = await http.key(AGENT);
    const session = await http.session("ann");
    const asked = await http.call("GET", `/v1/sessions/${session}`, { key });
    expect([403, 404]).toContain(asked.statusCode);
  });
});

it("the audit log takes entries, and gives none up", async () => {
  const { db } = http.database;
  await sql`insert into audit_log (id, actor, action, target, detail) values ('aud_1', 'admin', 'key.create', 'x', '{}')`.execute(
    db,
  );
  await sql`insert into audit_log (id, at, actor, action, target, detail)
            values ('aud_2', now() - interval '31 days', 'admin', 'key.create', 'x', '{}')`.execute(db);
  for (const statement of [
    sql`update audit_log set action = 'nothing'`,
    sql`delete from audit_log where id = 'aud_1'`,
    sql`truncate audit_log`,
  ]) {
    await expect(statement.execute(db)).rejects.toThrow("appended to only");
  }
  await sql`delete from audit_log where id = 'aud_2'`.execute(db);
});
