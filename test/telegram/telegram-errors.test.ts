import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  isEntityRefusal,
  isNotModified,
  redact,
  refused,
  toTelegramError,
  TransportFailure,
} from "../../adapters/telegram/telegram-errors.ts";
import { GatewayError } from "../../src/errors.ts";

const TOKEN = "4711000001:AAcanaryCanaryCanaryCanaryCanary_12";

function refusal(status: number, description: string, parameters?: object) {
  return refused("sendMessage", { error_code: status, description, parameters: parameters ?? {} }, TOKEN);
}

describe("a refusal in our words", () => {
  test.each([
    ["fault-19: blocked by the person", 403, "Forbidden: bot was blocked by the user", "forbidden", { kind: "gone" }],
    ["fault-19: thrown out", 403, "Forbidden: bot was kicked from the supergroup chat", "forbidden", { kind: "gone" }],
    ["fault-19: deactivated account", 403, "Forbidden: user is deactivated", "forbidden", { kind: "gone" }],
    [
      "a file away for a moment",
      400,
      "Bad Request: wrong file_id or the file is temporarily unavailable",
      "unavailable",
      undefined,
    ],
    ["fault-19: unknown chat", 400, "Bad Request: chat not found", "not_found", { kind: "gone" }],
    ["fault-19: unknown topic", 400, "Bad Request: message thread not found", "not_found", { kind: "thread_gone" }],
    ["fault-19: closed topic", 400, "Bad Request: TOPIC_CLOSED", "not_found", { kind: "thread_gone" }],
    ["fault-20: revoked token", 401, "Unauthorized", "unauthorized", undefined],
    ["fault-20: a token that never was one", 404, "Not Found", "unauthorized", undefined],
    ["fault-21: another poller", 409, "Conflict: terminated by other getUpdates request", "conflict", undefined],
    ["gone message", 400, "Bad Request: message to edit not found", "not_found", undefined],
    ["message of another", 400, "Bad Request: message can't be edited", "not_found", undefined],
    ["too long", 400, "Bad Request: message is too long", "too_large", undefined],
    ["too long an edit", 400, "Bad Request: MESSAGE_TOO_LONG", "too_large", undefined],
    ["no rights", 400, "Bad Request: not enough rights to send text messages to the chat", "forbidden", undefined],
    ["an old message", 400, "Bad Request: message can't be deleted for everyone", "forbidden", undefined],
    ["anything else", 400, "Bad Request: message must be non-empty", "invalid", undefined],
  ])("%s", (_, status, description, code, place) => {
    expect(refusal(status, description)).toMatchObject({ code, place, delivered: "no" });
  });

  test("fault-19: a group that became a supergroup says where it is now", () => {
    const error = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", {
      migrate_to_chat_id: -1004,
    });
    expect(error).toMatchObject({ code: "conflict", place: { kind: "moved", chat: "-1004" }, delivered: "no" });
  });

  test("a 429 says how long to wait, and at least a second", () => {
    const slow = { code: "rate_limited", delivered: "no" };
    expect(refusal(429, "Too Many Requests", { retry_after: 35 })).toMatchObject({ ...slow, retryAfterMs: 35_000 });
    expect(refusal(429, "Too Many Requests")).toMatchObject({ ...slow, retryAfterMs: 1000 });
  });

  test("fault-18: trouble on Telegram's side leaves open whether the call was applied", () => {
    expect(refusal(502, "Bad Gateway")).toMatchObject({ code: "unavailable", delivered: "unknown" });
  });

  test("what is done about some refusals is told by Telegram's words", () => {
    expect(isNotModified(refusal(400, "Bad Request: message is not modified: specified new message content"))).toBe(
      true,
    );
    expect(isEntityRefusal(refusal(400, "Bad Request: can't parse entities: unsupported"))).toBe(true);
    expect(isEntityRefusal(refusal(400, "Bad Request: entity URL 'x' is invalid: Wrong HTTP URL"))).toBe(true);
    expect(isEntityRefusal(refusal(400, "Bad Request: message is not modified"))).toBe(false);
    expect(isEntityRefusal(refusal(403, "Forbidden: identity"))).toBe(false);
    expect(isEntityRefusal(new Error("can't parse entities"))).toBe(false);
  });
});

describe("no readable answer", () => {
  test.each([
    ["fault-15: nothing was sent", new TransportFailure("network", false, null, "ECONNREFUSED"), "unavailable", "no"],
    ["fault-15: no answer in time", new TransportFailure("deadline", true, null, "x"), "unavailable", "unknown"],
    ["a reset", new TransportFailure("network", true, null, "ECONNRESET"), "unavailable", "unknown"],
    [
      "fault-18: a page of HTML with a 5xx",
      new TransportFailure("unreadable", true, 502, "x"),
      "unavailable",
      "unknown",
    ],
    ["a page of HTML with a 4xx", new TransportFailure("unreadable", true, 403, "x"), "unavailable", "no"],
    ["a page of HTML with a 429", new TransportFailure("unreadable", true, 429, "x"), "rate_limited", "no"],
    ["a broken 200", new TransportFailure("unreadable", true, 200, "x"), "unavailable", "unknown"],
    ["too many calls at once", new TransportFailure("busy", false, null, "x"), "unavailable", "no"],
    ["cancelled in time", new TransportFailure("cancelled", false, null, "x"), "cancelled", "no"],
    ["cancelled on the way", new TransportFailure("cancelled", true, null, "x"), "cancelled", "unknown"],
    ["something nobody foresaw", new TypeError("x is undefined"), "internal", "unknown"],
  ])("%s", (_, thrown, code, delivered) => {
    expect(toTelegramError(thrown, "sendMessage", TOKEN)).toMatchObject({ code, delivered });
  });

  test("what is an error of ours already stays as it is", () => {
    const error = new GatewayError("cancelled", "x");
    expect(toTelegramError(error, "sendMessage", TOKEN)).toBe(error);
  });
});

test("security-28: no error of any kind holds the token, in message, stack, cause or any field", () => {
  const url = `https://api.telegram.org/bot${TOKEN}/sendMessage`;
  const caused = Object.assign(new Error(`request to ${url} failed`, { cause: new Error(url) }), {
    url,
    config: { url },
  });
  caused.stack = `Error: ${url}\n    at ${url}`;
  const errors = [
    ...[400, 401, 403, 404, 409, 413, 429, 500].map((status) => refusal(status, `see ${url} or ${TOKEN}`)),
    refusal(400, `encoded ${encodeURIComponent(TOKEN)}`),
    toTelegramError(caused, "sendMessage", TOKEN),
    toTelegramError(new TransportFailure("network", true, null, `at ${url}`), "sendMessage", TOKEN),
    toTelegramError(`thrown text ${TOKEN}`, "sendMessage", TOKEN),
    toTelegramError({ token: TOKEN }, "sendMessage", TOKEN),
  ];
  for (const error of errors) {
    const everything = inspect(error, { depth: 20, showHidden: true }) + String(error.stack);
    expect(everything).not.toContain("canary");
    expect(everything).not.toContain(TOKEN.slice(11));
  }
});

test("security-28: other tokens are recognised by their form", () => {
  expect(redact("see 123456:AAotherTokenOtherTokenOtherToken1234 there", TOKEN)).toBe("see <token> there");
  expect(redact("GET /bot1:short/getMe", "")).toBe("GET /bot<token>/getMe");
  expect(redact("our own, of any form: odd/token and odd%2Ftoken", "odd/token")).toBe(
    "our own, of any form: <token> and <token>",
  );
});
