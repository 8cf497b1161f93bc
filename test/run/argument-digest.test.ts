import { describe, expect, it } from "vitest";
import { digestArguments } from "../../src/run/argument-digest.ts";

const digest = (args: unknown) => digestArguments(JSON.stringify(args));

describe("what a call of a tool is for", () => {
  it.each([
    ["the telling argument", { limit: 5, language: "de", query: "weather in Berlin" }, "weather in Berlin"],
    ["else the first short text", { n: 1, essay: "x".repeat(300), city: "Paris", unit: "C" }, "Paris"],
    ["one line", { query: " two\n\tlines\u2028and \u202Emore " }, "two lines and more"],
    ["a site and a path", { url: "https://example.com/news/today" }, "example.com/news/today"],
    ["nothing where nothing tells", { n: 1, list: ["a"], deep: { query: "x" } }, ""],
    ["a text that is all there is", "just this", "just this"],
    ["at most 60 characters", { query: "🙂".repeat(50) }, `${"🙂".repeat(29)}…`],
  ])("is %s", (_, args, shown) => {
    expect(digest(args)).toBe(shown);
  });

  it.each(["", "{", "null", "[1]", "7"])("is nothing for arguments like %j", (args) => {
    expect(digestArguments(args)).toBe("");
  });
});

const SECRET = "s3cr3t-Hunter2";

describe("security-24: a secret is never part of it", () => {
  it.each([
    "token",
    "api_key",
    "apiKey",
    "password",
    "client_secret",
    "Authorization",
    "X-Auth-Token",
    "cookie",
    "pin",
  ])("as the argument %s", (key) => {
    expect(digest({ [key]: SECRET })).toBe("");
    expect(digest({ [key]: SECRET, place: "Rome" })).toBe("Rome");
  });

  it.each([
    [`https://ann:${SECRET}@example.com/a?key=${SECRET}#${SECRET}`, "example.com/a"],
    [`postgres://ann:${SECRET}@db.example.com/main`, "db.example.com/main"],
    [`example.com/a?code=${SECRET}`, "example.com/a"],
    ["https://example.com/reset/AbCdEf0123456789AbCdEf", "example.com/reset/…"],
    [`curl -H "Authorization: Bearer ${SECRET}" example.com`, 'curl -H "Authorization: … example.com'],
    [`login --password ${SECRET} --as ann`, "login --password … --as ann"],
    [`curl -u ann:${SECRET} example.com`, "curl -u … example.com"],
    [`DB_PASSWORD=${SECRET} run`, "DB_PASSWORD=… run"],
    [`{"token": "${SECRET}", "n": 1}`, '{"token": …, "n": 1}'],
    ["use sk-proj-abcdefgh12345678 please", "use … please"],
    ["use 4711000001:AAFakeTokenOnlyForTests_0123456789a please", "use … please"],
    [
      "curl api.telegram.org/bot4711000001:AAFakeTokenOnly-ForTests_0123456789a/getMe",
      "curl api.telegram.org/bot…/getMe",
    ],
    [
      "https://api.telegram.org/bot4711000001:AAFakeTokenOnly-ForTests_0123456789a/getMe",
      "api.telegram.org/bot…/getMe",
    ],
    [`curl --user=ann:${SECRET} example.com`, "curl --user=… example.com"],
    [`curl -uann:${SECRET} example.com`, "curl -u… example.com"],
    [`git clone ann:${SECRET}@example.com/a`, "git clone …@\u200Bexample.com/a"],
    ["use eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def please", "use … please"],
    ["hash 0123456789abcdef0123456789abcdef", "hash …"],
  ])("in %j", (command, shown) => {
    expect(digest({ command })).toBe(shown);
  });

  it("takes no time over arguments that are made to cost some", () => {
    const began = performance.now();
    for (const sign of ["a", "token", "?a=", "-u ", '"', "a://", "1", "token token="])
      digest({ command: sign.repeat(100_000) });
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
