import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SlackApi } from "../../adapters/slack/slack-api.ts";
import { slackReason } from "../../adapters/slack/slack-errors.ts";
import { GatewayError } from "../../src/errors.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";

let slack: FakeSlack;
let api: SlackApi;
let now: number;
let channel: string;

beforeEach(async () => {
  slack = await startFakeSlack({ limits: "off", strict: true });
  now = 0;
  api = new SlackApi({
    botToken: slack.app.botToken,
    apiUrl: slack.apiUrl,
    secrets: [slack.app.botToken],
    now: () => now,
  });
  channel = slack.channelNamed("general").id;
});

afterEach(async () => {
  await api.close();
  await slack.close();
});

function post(text = "hi") {
  return api.call("chat.postMessage", { channel, text });
}

function refusal(call: Promise<unknown>): Promise<GatewayError> {
  return call.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(GatewayError);
      return error as GatewayError;
    },
  );
}

describe("haste", () => {
  test("fault-16: after a 429 the method is not called before its time, and others are", async () => {
    const { ts } = await post();
    slack.fault({ kind: "429", method: "chat.update", retryAfter: 7 });
    const edit = () => api.call("chat.update", { channel, ts: ts ?? "", text: "more" });
    expect(await refusal(edit())).toMatchObject({ code: "rate_limited", delivered: "no", retryAfterMs: 7000 });
    now += 6_000;
    expect(await refusal(edit())).toMatchObject({ code: "rate_limited", delivered: "no", retryAfterMs: 1000 });
    await post();
    expect(slack.calls("chat.update").length).toBe(1);
    expect(slack.calls("chat.postMessage").length).toBe(2);
    expect(slack.earlyCalls).toEqual([]);
  });

  test("fault-16: a channel that takes posts no faster stops no other one, until a second one is refused as well", async () => {
    const elsewhere = (name: string) =>
      api.call("chat.postMessage", { channel: slack.channelNamed(name).id, text: "hi" });
    slack.fault({ kind: "429", method: "chat.postMessage", retryAfter: 7, channel });
    expect(await refusal(post())).toMatchObject({ code: "rate_limited", retryAfterMs: 7000 });
    await elsewhere("second");
    expect(await refusal(post())).toMatchObject({ code: "rate_limited", retryAfterMs: 7000 });
    slack.fault({ kind: "429", method: "chat.postMessage", retryAfter: 3 });
    expect(await refusal(elsewhere("third"))).toMatchObject({ code: "rate_limited", retryAfterMs: 3000 });
    expect(await refusal(elsewhere("second"))).toMatchObject({ code: "rate_limited", retryAfterMs: 3000 });
    expect(slack.calls("chat.postMessage").length).toBe(3);
    expect(slack.earlyCalls).toEqual([]);
  });

  test("fault-16: two posts of one channel that are refused at once are one channel's haste", async () => {
    slack.fault({ kind: "429", method: "chat.postMessage", retryAfter: 7, channel, times: 2 });
    await Promise.all([refusal(post()), refusal(post())]);
    await api.call("chat.postMessage", { channel: slack.channelNamed("second").id, text: "hi" });
    expect(slack.earlyCalls).toEqual([]);
  });

  test("a refusal for haste that comes with status 200 counts as well", async () => {
    slack.fault({ kind: "ratelimited-200", method: "chat.postMessage" });
    expect(await refusal(post())).toMatchObject({ code: "rate_limited", delivered: "no" });
    expect(await refusal(post())).toMatchObject({ code: "rate_limited", retryAfterMs: 5000 });
    expect(slack.calls("chat.postMessage").length).toBe(1);
    now += 5_000;
    await post();
  });
});

describe("what became of a call", () => {
  test.each(["reset-after-applying", "garbage"] as const)(
    "%s: it may have been applied, and is not repeated",
    async (kind) => {
      slack.fault({ kind, ...(kind === "garbage" ? { applied: true } : {}), method: "chat.postMessage" });
      expect(await refusal(post())).toMatchObject({ code: "unavailable", delivered: "unknown" });
      expect(slack.calls("chat.postMessage").length).toBe(1);
      expect(slack.botMessages(channel).length).toBe(1);
    },
  );

  test("fault-18: a page of HTML with a 5xx is doubt, and none of it is shown", async () => {
    slack.fault({ kind: "html", status: 502, method: "chat.postMessage" });
    const error = await refusal(post());
    expect(error).toMatchObject({ code: "unavailable", delivered: "unknown" });
    expect(inspect(error)).not.toContain("<html");
  });

  test("nobody answers at the address: it was certainly not applied", async () => {
    await slack.close();
    expect(await refusal(post())).toMatchObject({ code: "unavailable", delivered: "no" });
  });

  test("an aborted call is over at once", async () => {
    slack.blackhole(true);
    const abort = new AbortController();
    const calling = refusal(api.call("auth.test", {}, abort.signal));
    setTimeout(() => abort.abort(), 50);
    expect(await calling).toMatchObject({ code: "cancelled" });
  });
});

describe("an answer to a command that Slack does not take", () => {
  async function answered(status: number, body: string): Promise<GatewayError> {
    const server = createServer((_request, response) => response.writeHead(status).end(body));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    try {
      return await refusal(api.post(`http://127.0.0.1:${port}/commands/x`, { text: "hi" }));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test.each([
    [500, '{"ok":false,"error":"invalid_blocks"}', "invalid_blocks"],
    [200, '{"ok":false,"error":"invalid_blocks"}', "invalid_blocks"],
    [400, "invalid_blocks", "invalid_blocks"],
  ])("%i %s: was certainly not applied, and its reason is known", async (status, body, reason) => {
    const error = await answered(status, body);
    expect(error.delivered).toBe("no");
    expect(slackReason(error)).toBe(reason);
  });

  test.each([
    [404, '{"ok":false,"error":"used_url"}', { code: "forbidden", delivered: "no" }],
    [200, '{"ok":false,"error":"expired_url"}', { code: "forbidden", delivered: "no" }],
    [429, '{"ok":false,"error":"ratelimited"}', { code: "rate_limited", delivered: "no" }],
    [500, '{"ok":false,"error":"fatal_error"}', { code: "unavailable", delivered: "unknown" }],
    [502, "<html>", { code: "unavailable", delivered: "unknown" }],
  ])("%i %s", async (status, body, expected) => {
    expect(await answered(status, body)).toMatchObject(expected);
  });
});

test("fault-15: a call that is never answered is given up after ten seconds", { timeout: 15_000 }, async () => {
  slack.blackhole(true);
  const startedAt = performance.now();
  expect(await refusal(post())).toMatchObject({ code: "unavailable", delivered: "unknown" });
  expect(performance.now() - startedAt).toBeLessThan(11_000);
});

test("calls of many go over a bounded number of sockets, and none waits for another's 429", async () => {
  slack.latency(20);
  slack.fault({ kind: "429", method: "auth.test", retryAfter: 30 });
  const refused = refusal(api.call("auth.test", {}));
  await Promise.all(Array.from({ length: 200 }, (_, i) => post(String(i))));
  expect(await refused).toMatchObject({ retryAfterMs: 30_000 });
  expect(slack.botMessages(channel).length).toBe(200);
});

test("two bots share nothing: each call carries its own token", async () => {
  const other = await startFakeSlack({ limits: "off", botToken: "xoxb-other-bot" });
  const second = new SlackApi({ botToken: "xoxb-other-bot", apiUrl: other.apiUrl, secrets: [] });
  await Promise.all([api.call("auth.test", {}), second.call("auth.test", {}), api.call("auth.test", {})]);
  await second.close();
  await other.close();
  expect(slack.journal.every(({ outcome }) => outcome === "ok")).toBe(true);
});
