import { inspect } from "node:util";
import {
  LogLevel,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
  WebClient,
} from "@slack/web-api";
import nock from "nock";
import { afterEach, describe, expect, test } from "vitest";
import { redact, slackReason, toSlackError, TransportFailure } from "../../adapters/slack/slack-errors.ts";
import { GatewayError } from "../../src/errors.ts";

const TOKEN = "xoxb-4711-canaryCanaryCanary";

function refusal(error: string, more: object = {}): GatewayError {
  return toSlackError(new WebAPIPlatformError({ ok: false, error, ...more }), "chat.postMessage");
}

function requestError(error: Error): GatewayError {
  return toSlackError(new WebAPIRequestError(error), "chat.postMessage");
}

function fetchFailed(code: string): Error {
  return new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code }) });
}

describe("a refusal in our words", () => {
  test.each([
    ["fault-20: wrong token", "invalid_auth", "unauthorized", undefined],
    ["fault-20: no token", "not_authed", "unauthorized", undefined],
    ["fault-20: revoked token", "token_revoked", "unauthorized", undefined],
    ["fault-20: expired token", "token_expired", "unauthorized", undefined],
    ["fault-20: another kind of token", "not_allowed_token_type", "unauthorized", undefined],
    ["fault-19: deactivated", "account_inactive", "unauthorized", { kind: "gone" }],
    ["fault-19: thrown out", "not_in_channel", "not_found", { kind: "gone" }],
    ["fault-19: unknown channel", "channel_not_found", "not_found", { kind: "gone" }],
    ["fault-19: archived channel", "is_archived", "not_found", { kind: "gone" }],
    ["fault-19: frozen channel", "is_inactive", "not_found", { kind: "gone" }],
    ["fault-19: only some may post", "restricted_action", "not_found", { kind: "gone" }],
    ["fault-19: only some may post there", "restricted_action_read_only_channel", "not_found", { kind: "gone" }],
    ["fault-19: no messages to the app", "messages_tab_disabled", "not_found", { kind: "gone" }],
    ["fault-19: deleted thread", "thread_not_found", "not_found", undefined],
    ["fault-19: no threads here", "restricted_action_non_threadable_channel", "not_found", { kind: "thread_gone" }],
    ["locked thread", "restricted_action_thread_locked", "forbidden", undefined],
    ["gone message", "message_not_found", "not_found", undefined],
    ["message of another", "cant_update_message", "not_found", undefined],
    ["message too old to edit", "edit_window_closed", "not_found", undefined],
    ["message that streams", "streaming_state_conflict", "unavailable", undefined],
    ["too long", "msg_too_long", "too_large", undefined],
    ["too long in blocks", "msg_blocks_too_long", "too_large", undefined],
    ["bad blocks", "invalid_blocks", "invalid", undefined],
    ["nothing to show", "no_text", "invalid", undefined],
    ["no scope", "missing_scope", "forbidden", undefined],
    ["a message of another to delete", "cant_delete_message", "forbidden", undefined],
    ["a move to an organisation", "team_added_to_org", "unavailable", undefined],
    ["a word nobody knows", "brand_new_error", "invalid", undefined],
  ])("%s (%s)", (_, word, code, place) => {
    expect(refusal(word)).toMatchObject({ code, place, delivered: "no" });
    expect(slackReason(refusal(word))).toBe(word);
  });

  test.each(["internal_error", "fatal_error", "service_unavailable"])("fault-18: %s may have been applied", (word) => {
    expect(refusal(word)).toMatchObject({ code: "unavailable", delivered: "unknown" });
  });

  test("a missing scope is named for the operator, if it is one", () => {
    expect(String(refusal("missing_scope", { needed: "chat:write" }).cause)).toContain("needed: chat:write");
    expect(String(refusal("missing_scope", { needed: "a private word" }).cause)).not.toContain("private");
  });

  test("a body that is no JSON, which Slack's client takes for the word, may be an answer to what was applied", () => {
    const error = refusal("<html>canary</html>");
    expect(error).toMatchObject({ code: "unavailable", delivered: "unknown" });
    expect(inspect(error)).not.toContain("canary");
  });

  test.each([
    ["with HTTP 429", new WebAPIRateLimitedError(7), 7000],
    ["as a word in a 200", new WebAPIPlatformError({ ok: false, error: "ratelimited" }), 5000],
    [
      "as a word in a 200 that says how long",
      new WebAPIPlatformError({ ok: false, error: "rate_limited", response_metadata: { retryAfter: 9 } }),
      9000,
    ],
    ["with HTTP 429 and no time", new WebAPIHTTPError(429, "", {}, ""), 5000],
    ["as Slack's client says it without a time", new Error("Retry header did not contain a valid timeout"), 5000],
    ["with no time at all", new WebAPIRateLimitedError(0), 1000],
  ])("a refusal for haste, %s", (_, thrown, retryAfterMs) => {
    const slow = { code: "rate_limited", delivered: "no", retryAfterMs };
    expect(toSlackError(thrown, "chat.update")).toMatchObject(slow);
  });
});

describe("no readable answer", () => {
  test.each([
    ["fault-15: refused connection", requestError(fetchFailed("ECONNREFUSED")), "unavailable", "no"],
    ["fault-15: unknown host", requestError(fetchFailed("ENOTFOUND")), "unavailable", "no"],
    ["fault-15: no name service", requestError(fetchFailed("EAI_AGAIN")), "unavailable", "no"],
    ["fault-15: connection in no time", requestError(fetchFailed("UND_ERR_CONNECT_TIMEOUT")), "unavailable", "no"],
    ["a wrong certificate", requestError(fetchFailed("ERR_TLS_CERT_ALTNAME_INVALID")), "unavailable", "no"],
    ["a reset", requestError(fetchFailed("ECONNRESET")), "unavailable", "unknown"],
    ["a broken socket", requestError(fetchFailed("UND_ERR_SOCKET")), "unavailable", "unknown"],
    ["fault-15: no answer in time", requestError(new DOMException("x", "TimeoutError")), "unavailable", "unknown"],
    ["an abort", requestError(new DOMException("x", "AbortError")), "cancelled", "unknown"],
    ["fault-18: a 503", toSlackError(new WebAPIHTTPError(503, "", {}, "x"), "m"), "unavailable", "unknown"],
    ["a page of HTML with a 403", toSlackError(new WebAPIHTTPError(403, "", {}, "<p>"), "m"), "unavailable", "no"],
    [
      "a word with a 401",
      toSlackError(new WebAPIHTTPError(401, "", {}, '{"error":"invalid_auth"}'), "m"),
      "unauthorized",
      "no",
    ],
    ["something nobody foresaw", toSlackError(new TypeError("x is undefined"), "m"), "internal", "unknown"],
    ["nothing at all", toSlackError(undefined, "m"), "internal", "unknown"],
  ])("%s", (_, error, code, delivered) => {
    expect(error).toMatchObject({ code, delivered });
  });

  test.each([
    ["fault-15: nothing was sent", new TransportFailure("network", false, null, "ECONNREFUSED"), "unavailable", "no"],
    ["fault-15: no answer in time", new TransportFailure("deadline", true, null, "x"), "unavailable", "unknown"],
    [
      "fault-18: a page of HTML with a 5xx",
      new TransportFailure("unreadable", true, 502, "x"),
      "unavailable",
      "unknown",
    ],
    ["a page of HTML with a 4xx", new TransportFailure("unreadable", true, 403, "x"), "unavailable", "no"],
    ["a page of HTML with a 429", new TransportFailure("unreadable", true, 429, "x"), "rate_limited", "no"],
    ["too many calls at once", new TransportFailure("busy", false, null, "x"), "unavailable", "no"],
    ["cancelled in time", new TransportFailure("cancelled", false, null, "x"), "cancelled", "no"],
    ["cancelled on the way", new TransportFailure("cancelled", true, null, "x"), "cancelled", "unknown"],
  ])("%s, alone or from within Slack's client", (_, failure, code, delivered) => {
    expect(toSlackError(failure, "m")).toMatchObject({ code, delivered });
    expect(requestError(failure)).toMatchObject({ code, delivered });
  });

  test("what is an error of ours already stays as it is", () => {
    const error = new GatewayError("cancelled", "x");
    expect(toSlackError(error, "m")).toBe(error);
  });
});

describe("what Slack's client really throws", () => {
  const quiet = () => undefined;
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, setLevel: quiet, setName: quiet };
  const options = { retryConfig: { retries: 0 }, rejectRateLimitedCalls: true };
  const web = () => new WebClient(TOKEN, { ...options, logger: { ...logger, getLevel: () => LogLevel.ERROR } });
  const post = async (): Promise<unknown> => {
    const failed = await web()
      .apiCall("chat.postMessage", { channel: "C1", text: "a private word" })
      .catch((it: unknown) => it);
    return toSlackError(failed, "chat.postMessage", [TOKEN]);
  };
  const slack = () => nock("https://slack.com").post("/api/chat.postMessage");

  afterEach(() => nock.cleanAll());

  test.each([
    ["a word", () => slack().reply(200, { ok: false, error: "not_in_channel" }), { place: { kind: "gone" } }],
    ["haste", () => slack().reply(429, "", { "retry-after": "3" }), { code: "rate_limited", retryAfterMs: 3000 }],
    ["haste without a time", () => slack().reply(429, ""), { code: "rate_limited", delivered: "no" }],
    [
      "haste in a 200",
      () => slack().reply(200, { ok: false, error: "ratelimited" }, { "retry-after": "4" }),
      { retryAfterMs: 4000 },
    ],
    ["no JSON", () => slack().reply(200, `<p>${TOKEN}</p>`), { code: "unavailable", delivered: "unknown" }],
    ["a 500", () => slack().reply(500, TOKEN), { code: "unavailable", delivered: "unknown" }],
    [
      "a refused connection",
      () => slack().replyWithError(Object.assign(new Error(TOKEN), { code: "ECONNREFUSED" })),
      { delivered: "no" },
    ],
    [
      "a reset",
      () => slack().replyWithError(Object.assign(new Error(TOKEN), { code: "ECONNRESET" })),
      { delivered: "unknown" },
    ],
  ])("security-28: at %s, without the token or the text", async (_, answer, expected) => {
    answer();
    const error = await post();
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject(expected);
    const everything = inspect(error, { depth: 20, showHidden: true }) + String((error as Error).stack);
    expect(everything).not.toMatch(/canary|private word|https:/i);
  });
});

test("security-28: secrets and tokens are recognised, by value and by form", () => {
  expect(redact("a shhh b xoxb-1-2-abc c xapp-1-A1-b.c d xoxe.xoxp-1-x e", ["shhh", ""])).toBe(
    "a <secret> b <token> c <token> d <token> e",
  );
  expect(redact("at https://hooks.slack.com/commands/T1/2/abc now", [])).toBe("at <address> now");
});
