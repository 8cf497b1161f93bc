import { readdirSync, readFileSync } from "node:fs";
import { WebClient } from "@slack/web-api";
import { afterEach, describe, expect, test } from "vitest";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";
import type { Scene } from "./slack/refusal-row.ts";
import { REFUSALS } from "./slack/refusals.ts";

const FOLDER = new URL("./slack/", import.meta.url);

interface Reply {
  ok: boolean;
  error?: string;
  needed?: string;
  response_metadata?: { messages?: string[]; warnings?: string[] };
}

const started: FakeSlack[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.close()));
});

async function start(options: FakeSlackOptions = {}): Promise<FakeSlack> {
  const fake = await startFakeSlack(options);
  started.push(fake);
  return fake;
}

async function call(fake: FakeSlack, method: string, args: object, token = fake.app.botToken): Promise<Reply> {
  const response = await fetch(`${fake.apiUrl}${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === "" ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(args),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Reply;
}

async function scene(options?: FakeSlackOptions): Promise<Scene> {
  const fake = await start(options);
  const ann = fake.user("ann");
  const channel = fake.channelNamed("general", { members: [ann] });
  const theirs = fake.say({ channel, user: ann, text: "theirs" }).ts;
  const post = { author: fake.bot, at: 0, ts: `${Number(theirs) + 1}`, threadTs: theirs, text: "mine", fromApp: true };
  return { fake, ann, dm: fake.dm(ann), channel, theirs, mine: channel.post(post).ts };
}

describe("the fake refuses", () => {
  test.each(REFUSALS.map((row) => [`${row.method}: ${row.rule}`, row] as const))("%s", async (_, row) => {
    const made = await scene();
    await row.before?.(made);
    const before = made.channel.events.length;
    const args = typeof row.args === "function" ? row.args(made) : row.args;
    const reply = await call(made.fake, row.method, args);
    expect(reply).toMatchObject({ ok: false, error: row.error });
    expect(reply.response_metadata?.messages?.join() ?? "").toContain(row.words ?? "");
    expect(row.source).not.toBe("");
    expect(made.channel.events).toHaveLength(before);
    expect(made.fake.journal).toMatchObject([{ outcome: row.error, applied: false }]);
  });

  test("whoever has no token, another, or one of the wrong kind, and methods it does not know", async () => {
    const fake = await start({ scopes: ["chat:write"] });
    expect(await call(fake, "auth.test", {}, "")).toMatchObject({ error: "not_authed" });
    expect(await call(fake, "auth.test", {}, "xoxb-other")).toMatchObject({ error: "invalid_auth" });
    expect(await call(fake, "auth.test", {}, fake.app.appToken)).toMatchObject({ error: "not_allowed_token_type" });
    expect(await call(fake, "apps.connections.open", {})).toMatchObject({ error: "not_allowed_token_type" });
    expect(await call(fake, "chat.sing", {})).toMatchObject({ error: "unknown_method" });
    expect(await call(fake, "users.info", { user: fake.bot.id })).toMatchObject({
      error: "missing_scope",
      needed: "users:read",
      provided: "chat:write",
    });
  });

  test("a body that is neither a form nor an object", async () => {
    const fake = await start();
    const post = async (type: string, body: string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${fake.app.botToken}` };
      const typed = new Blob([body], { type });
      const response = await fetch(`${fake.apiUrl}auth.test`, { method: "POST", headers, body: typed });
      return ((await response.json()) as Reply).error ?? "ok";
    };
    expect(await post("application/json", "{")).toBe("invalid_json");
    expect(await post("application/json", "[]")).toBe("json_not_object");
    expect(await post("text/plain", "x=1")).toBe("invalid_post_type");
    expect(await post("", "x=1")).toBe("missing_post_type");
    expect(await post("application/x-www-form-urlencoded", "")).toBe("ok");
    expect(await post("application/json", "{}")).toBe("ok");
  });

  test("unknown arguments when it is strict, and counts them otherwise: no unfurling of an edit", async () => {
    const lenient = await scene();
    const args = { channel: lenient.channel.id, ts: lenient.mine, text: "x", unfurl_links: false };
    expect(await call(lenient.fake, "chat.update", args)).toMatchObject({ ok: true });
    expect([...lenient.fake.unknownFields]).toEqual([["chat.update.unfurl_links", 1]]);
    const strict = await scene({ strict: true });
    const again = { ...args, channel: strict.channel.id, ts: strict.mine };
    const reply = await call(strict.fake, "chat.update", again);
    expect(reply).toMatchObject({ ok: false, error: "invalid_arguments" });
    expect(reply.response_metadata?.messages?.join()).toContain("chat.update.unfurl_links");
  });

  test("nothing that the table does not name", () => {
    const files = readdirSync(FOLDER).filter((name) => !name.startsWith("refusal"));
    const words = files.flatMap((name) => {
      const source = readFileSync(new URL(name, FOLDER), "utf8");
      const errors = [
        ...source.matchAll(/new Refusal\(\s*"(\w+)"/g),
        ...source.matchAll(/refusalWithWords\(\s*"(\w+)"/g),
      ];
      const phrases = source.matchAll(/\brefuse\(\s*(?:"([^"]*)"|`([^`$]*))/g);
      return [...errors.map((match) => match[1] ?? ""), ...[...phrases].map((match) => match[1] ?? match[2] ?? "")];
    });
    const named = REFUSALS.map((row) => `${row.error} ${row.words ?? ""}`).join("\n");
    // Of the request itself; the tests above show them.
    const elsewhere = [
      "unknown_method",
      "not_authed",
      "invalid_auth",
      "not_allowed_token_type",
      "missing_scope",
      "missing_post_type",
      "invalid_post_type",
      "invalid_json",
      "json_not_object",
      "fatal_error",
    ];
    expect(words.length).toBeGreaterThan(40);
    expect(words.filter((text) => !named.includes(text) && !elsewhere.includes(text))).toEqual([]);
  });
});

describe("the fake takes", () => {
  test("what is just short enough", async () => {
    const { fake, channel } = await scene({ limits: "off" });
    const web = new WebClient(fake.app.botToken, { slackApiUrl: fake.apiUrl, retryConfig: { retries: 0 } });
    const post = web.chat.postMessage;
    const blocks = [{ type: "markdown" as const, text: "x".repeat(12_000) }];
    const { ts = "" } = await post({ channel: channel.id, text: "short", blocks });
    await web.chat.update({ channel: channel.id, ts, text: "y".repeat(4000) });
    await post({
      channel: channel.id,
      text: "x",
      blocks: Array.from({ length: 50 }, () => ({ type: "divider" as const })),
    });
    await post({ channel: channel.id, markdown_text: "x".repeat(12_000) });
    expect(fake.botMessages(channel).map((message) => message.shown.length)).toEqual([4, 4000, 50 * 10 - 1, 12_000]);
  });

  test("text above 40000 characters, but cuts it and says so", async () => {
    const { fake, channel } = await scene();
    const reply = await call(fake, "chat.postMessage", { channel: channel.id, text: "x".repeat(40_001) });
    expect(reply).toMatchObject({ ok: true, response_metadata: { warnings: ["message_truncated"] } });
    expect(fake.botMessages(channel).at(-1)?.text).toHaveLength(40_000);
  });

  test("a person instead of a conversation: their direct message", async () => {
    const { fake, ann, dm } = await scene();
    expect(await call(fake, "chat.postMessage", { channel: ann.id, text: "x" })).toMatchObject({ channel: dm.id });
    const bob = fake.user("bob");
    await call(fake, "chat.postMessage", { channel: bob.id, text: "y" });
    expect(fake.transcript(fake.dm(bob))).toEqual(["bot#1: y"]);
  });

  test("prompts, but shows none that name a thread", async () => {
    const { fake, dm } = await scene();
    const ask = { title: "What?", message: "What can you do?" };
    await call(fake, "assistant.threads.setSuggestedPrompts", { channel_id: dm.id, thread_ts: "1.1", prompts: [ask] });
    expect(fake.prompts(dm)).toEqual([]);
    await call(fake, "assistant.threads.setSuggestedPrompts", { channel_id: dm.id, prompts: [ask] });
    expect(fake.prompts(dm)).toEqual([ask]);
  });
});
