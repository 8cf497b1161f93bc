import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountId, newId } from "../../src/ids.ts";
import { pairingFor } from "../../src/store/identities.ts";
import { Browser } from "../http/browser.ts";
import { KEY, startHttp, type TestHttp } from "../http/start-http.ts";
import { freePort } from "../support/free-port.ts";
import { runCli } from "./run-cli.ts";

let http: TestHttp;
let url: string;

beforeAll(async () => {
  http = await startHttp();
  url = await http.listen();
});
afterAll(() => http.stop());

function parley(...argv: string[]) {
  return runCli("parley-cli", ["--url", url, ...argv], { ADMIN_API_KEY: KEY }).over;
}

describe("npm run parley", () => {
  it("lets a stranger in by the code, however it is typed, once", async () => {
    const stranger = { platform: "telegram", externalId: "4711", name: "Ann\u001b[2J" };
    await pairingFor(http.database.db, stranger, "ABCD2345", { ttlMs: 60_000, tries: 5 });
    expect(await parley("approve", " abcd-2345 ")).toEqual({
      code: 0,
      out: "Ann [2J (telegram:4711) may talk now.\n",
      err: "",
    });
    expect(await parley("approve", "ABCD2345")).toEqual({
      code: 1,
      out: "",
      err: "There is no such code, or it is over.\n",
    });
  });

  it("lists the sessions of a user", async () => {
    expect((await parley("sessions")).out).toBe("There are no sessions yet.\n");
    const id = await http.session("bea");
    await http.call("POST", "/v1/sessions", { user: "bea", body: { title: "Plans\nand more" } });
    const { code, out } = await parley("sessions", "--user", "bea");
    expect(code).toBe(0);
    expect(out.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^ses_\w+ {2}\d{4}-\d\d-\d\d \d\d:\d\d {6}0 {2}tester {2}Plans and more$/),
      expect.stringContaining(id),
    ]);
  });

  it("finds people, blocks them, and erases them only when told twice", async () => {
    const id = await http.gateway.service.actFor("Zoe");
    const { out } = await parley("users", "zo");
    expect(out).toContain(`${id}  person`);
    expect((await parley("block", id)).out).toBe("Zoe is blocked: nothing of theirs takes effect any more.\n");
    expect((await parley("unblock", id)).out).toBe("Zoe is heard again.\n");
    expect((await parley("erase", id)).out).toContain(`1 accounts, 0 sessions, 0 messages`);
    expect((await parley("erase", id, "--yes")).out).toContain("is nobody from now on");
    expect(await parley("block", id)).toEqual({ code: 1, out: "", err: "There is no such user.\n" });
    expect((await parley("block")).code).toBe(2);
  });

  it("makes links that sign in once, as an operator or as a person", async () => {
    const opened = async (...argv: string[]) => {
      const { out } = await parley("web", ...argv);
      const token =
        /^Open this once, within 10 minutes: http:\/\/127\.0\.0\.1:3000\/sign-in#(\S+)\n$/.exec(out)?.[1] ?? "";
      return (await new Browser(http).signIn(token)).json<{ name: string; role: string | null }>();
    };
    expect(await opened()).toMatchObject({ role: "owner" });
    expect(await opened("--role", "viewer")).toMatchObject({ role: "viewer" });
    expect(await opened("--person", "Kim")).toMatchObject({ name: "Kim", role: null });
    expect((await parley("web", "--role", "king")).code).toBe(2);
    expect((await parley("web", "--role", "viewer", "--person", "Kim")).code).toBe(2);
  });

  it("makes, lists, rotates and revokes keys, and tells who did so", async () => {
    expect((await parley("keys")).out).toBe("There are no keys but that of the settings.\n");
    const made = await parley("keys", "create", "night\u001b[2J shift", "--role", "viewer", "--days", "90");
    const [key = "", , told = ""] = made.out.split("\n");
    const id = /key_\w+$/.exec(told)?.[0] ?? "";
    expect((await http.call("GET", "/v1/sessions", { key })).statusCode).toBe(200);
    const rotated = (await parley("keys", "rotate", id, "--overlap", "0")).out.split("\n")[0]!;
    expect((await http.call("GET", "/v1/sessions", { key })).statusCode).toBe(401);
    expect((await http.call("GET", "/v1/sessions", { key: rotated })).statusCode).toBe(200);
    expect((await parley("keys", "revoke", id)).out).toMatch(/^The key "night \[2J shift" is revoked;/);
    const { out: list } = await parley("keys");
    expect(list).toMatch(new RegExp(`^${id} {2}night \\[2J shift {2}viewer {2}revoked `, "m"));
    const { out: log } = await parley("audit");
    expect(log.match(/key\.\w+/g)).toEqual(["key.revoke", "key.rotate", "key.create"]);
    // The secret may hold the sign that parts the key.
    expect(log + list).not.toContain(key.split("_").slice(2, -1).join("_"));
  });

  it.each([
    [["keys", "create", "x"], "Say whose key it is"],
    [["keys", "create", "x", "--role", "viewer", "--days", "soon"], "--days must be a whole number."],
    [["keys", "rotate"], "Say which key, by its id."],
    [["keys", "burn", "x"], 'There is no command "keys burn".'],
    [["audit", "me"], "That is one word too many."],
  ])("does not guess what %j means", async (argv, says) => {
    const { code, err } = await parley(...argv);
    expect(code).toBe(2);
    expect(err).toContain(says);
  });

  it("lists the posts that are uncertain or failed as a table, without letting their errors steer the terminal", async () => {
    expect((await parley("deliveries")).out).toBe("No post is uncertain, failed or parked.\n");
    const post = { kind: "reply", account_id: accountId("telegram", "1"), chat: "7", place_kind: "private" } as const;
    const [lost, refused] = [newId("out"), newId("out")];
    const run = newId("run");
    await http.database.db
      .insertInto("outbox")
      .values([
        {
          ...post,
          id: lost,
          state: "uncertain",
          thread: "",
          error: "gone\u001b[2J quiet",
          created_at: "2026-07-01T10:00:00Z",
        },
        {
          ...post,
          id: refused,
          state: "failed",
          thread: "3",
          run_id: run,
          page: 1,
          created_at: "2026-07-02T10:00:00Z",
        },
      ])
      .execute();
    const { code, out } = await parley("deliveries");
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      expect.stringMatching(/^state {6}since {13}account {5}chat {2}post +run +page {2}error$/),
      `failed     2026-07-02 10:00  telegram:1  7/3   ${refused}  ${run}  2`,
      `uncertain  2026-07-01 10:00  telegram:1  7     ${lost}  ${"-".padEnd(run.length)}  1     gone [2J quiet`,
      "",
    ]);
  });

  it("posts again what failed, and takes what was seen off the list", async () => {
    const [refused, lost] = [newId("out"), newId("out")];
    const content = JSON.stringify({ text: "Hi" });
    const account_id = accountId("telegram", "2");
    const post = { kind: "reply", account_id, chat: "8", thread: "", place_kind: "private", content } as const;
    await http.database.db
      .insertInto("outbox")
      .values([
        { ...post, id: refused, state: "failed" },
        { ...post, id: lost, state: "uncertain" },
      ])
      .execute();
    expect((await parley("deliveries", "retry", lost)).err).toContain("may be in the chat already");
    expect(await parley("deliveries", "retry", refused)).toMatchObject({ code: 0 });
    expect(await parley("deliveries", "resolve", lost, "shown")).toMatchObject({
      code: 0,
      out: "It is off the list.\n",
    });
    const { out } = await parley("deliveries");
    expect([out.includes(refused), out.includes(lost)]).toEqual([false, false]);
  });

  it.each([[], ["help"], ["--help"]])("explains itself: %s", async (...argv) => {
    const { code, out } = await parley(...argv.filter((word) => word !== undefined));
    expect(code).toBe(0);
    expect(out).toContain("npm run parley -- approve CODE");
  });

  it.each([
    [["frobnicate"], 'There is no command "frobnicate".'],
    [["approve"], "Say which code."],
    [["approve", "A", "B"], "Say which code."],
    [["sessions", "now"], "That is one word too many."],
    [["deliveries", "now"], "Say: deliveries retry POST, or: deliveries resolve POST shown|dropped."],
    [["deliveries", "resolve", "out_1", "maybe"], "Say: deliveries retry POST"],
    [["deliveries", "retry", "out_1", "shown"], "Say: deliveries retry POST"],
    [["constructor"], 'There is no command "constructor".'],
    [["sessions", "--forse"], "--forse"],
  ])("ends with 2 when it is not understood: %j", async (argv, message) => {
    const { code, out, err } = await parley(...argv);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
    expect(err).toContain("npm run parley -- help");
  });

  it("ends with 1 when the gateway is not there", async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    const { code, err } = await parley("sessions", "--url", nowhere);
    expect([code, err]).toEqual([1, `No gateway answers at ${nowhere}. Start one with: npm start\n`]);
  });
});
