import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyRing } from "../../src/http/key-ring.ts";
import { silentLog } from "../support/store-engines.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;

beforeAll(async () => {
  http = await startHttp({ trustedProxies: ["10.0.0.0/8"] });
});
afterAll(() => http.stop());

interface Attempt {
  headers?: Record<string, string>;
  url?: string;
  from?: string;
}

async function statusOf({ headers = {}, url = "/v1/sessions", from = "203.0.113.200" }: Attempt): Promise<number> {
  return (await http.app.inject({ url, headers, remoteAddress: from })).statusCode;
}

const right = { authorization: `Bearer ${KEY}` };
const wrong = { authorization: "Bearer parley_admin_wrong" };

describe("security-32: the admin key", () => {
  it.each([
    ["as it is", `Bearer ${KEY}`],
    ["whatever the case of the scheme and the spaces", `bearer   ${KEY} `],
  ])("opens the API %s", async (_name, authorization) => {
    expect(await statusOf({ headers: { authorization } })).toBe(200);
  });

  it.each([
    ["nothing", {}],
    ["a blank header", { authorization: "" }],
    ["a blank key", { authorization: "Bearer " }],
    ["the key alone", { authorization: KEY }],
    ["basic", { authorization: `Basic ${Buffer.from(`:${KEY}`).toString("base64")}` }],
    ["a part of it", { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ["more than it", { authorization: `Bearer ${KEY}x` }],
    ["two of them", { authorization: `Bearer ${KEY} ${KEY}` }],
    ["another case", { authorization: `Bearer ${KEY.toUpperCase()}` }],
    ["another header", { "x-api-key": KEY }],
    ["a cookie", { cookie: `key=${KEY}` }],
  ])("is not replaced by %s", async (_name, headers) => {
    expect(await statusOf({ headers })).toBe(401);
  });

  it.each(["key", "access_token", "authorization", "token", "api_key"])(
    "is not taken from the query: %s",
    async (name) => {
      expect(await statusOf({ url: `/v1/sessions?${name}=${KEY}` })).toBe(401);
    },
  );

  it("must not be blank", () => {
    for (const key of ["", "  "]) {
      const parts = { db: http.database.db, log: silentLog, adminKey: () => key };
      expect(() => new KeyRing(parts)).toThrow("let everybody in");
    }
  });

  it("is compared by digests of equal length in constant time (security-03)", () => {
    const ring = readFileSync(new URL("../../src/http/key-ring.ts", import.meta.url), "utf8");
    const hook = readFileSync(new URL("../../src/http/authenticate.ts", import.meta.url), "utf8");
    expect(ring).toMatch(/timingSafeEqual\(presented, sha256\(this.#adminKey\(\)\)\)/);
    expect(ring).toMatch(/timingSafeEqual\(presented, hash.sha256\)/);
    for (const source of [ring, hook])
      expect(source).not.toMatch(/(adminKey|text|presented) [=!]==? |[=!]==? adminKey/);
  });

  it("gives loopback no privilege (security-09)", async () => {
    expect(await statusOf({ from: "127.0.0.1" })).toBe(401);
    expect(await statusOf({ from: "::1" })).toBe(401);
  });
});

describe("security-08: wrong keys", () => {
  it("are not looked at after 20 of them, even a right one, with the time to wait", async () => {
    const from = "203.0.113.1";
    for (let n = 0; n < 20; n++) expect(await statusOf({ headers: wrong, from })).toBe(401);
    const refused = await http.app.inject({ url: "/v1/sessions", headers: right, remoteAddress: from });
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(290);
    expect(refused.json()).toMatchObject({ code: "rate_limited", detail: "Too many failed attempts." });
    for (let n = 0; n < 980; n++) expect(await statusOf({ headers: wrong, from })).toBe(429);
    expect(await statusOf({ headers: right, from: "203.0.113.2" })).toBe(200);
  });

  it("are no reason to refuse those who send none, or health", async () => {
    const from = "203.0.113.3";
    for (let n = 0; n < 50; n++) expect(await statusOf({ from })).toBe(401);
    expect(await statusOf({ headers: right, from })).toBe(200);
    for (let n = 0; n < 20; n++) await statusOf({ headers: wrong, from });
    expect(await statusOf({ url: "/healthz", from })).toBe(200);
  });

  it("cannot be spread over addresses that the client makes up (security-09)", async () => {
    const from = "203.0.113.4";
    const spoofed = (n: number) => ({ ...wrong, "x-forwarded-for": `198.51.100.${n}` });
    for (let n = 0; n < 20; n++) await statusOf({ headers: spoofed(n), from });
    expect(await statusOf({ headers: { ...right, "x-forwarded-for": "198.51.100.99" }, from })).toBe(429);
  });

  it("are told apart behind a proxy that is trusted", async () => {
    const from = "10.1.2.3";
    for (let n = 0; n < 20; n++) await statusOf({ headers: { ...wrong, "x-forwarded-for": "198.51.100.1" }, from });
    expect(await statusOf({ headers: { ...right, "x-forwarded-for": "198.51.100.1" }, from })).toBe(429);
    expect(await statusOf({ headers: { ...right, "x-forwarded-for": "198.51.100.2" }, from })).toBe(200);
  });
});
