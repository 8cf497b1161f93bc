import { expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { judgeSendFailure } from "../../src/delivery/send-failure.ts";

it.each([
  [
    "a 429 with its time",
    new GatewayError("rate_limited", "wait", { retryAfterMs: 7_000 }),
    { kind: "blocked", ms: 7_000 },
  ],
  ["a 429 without one", new GatewayError("rate_limited", "wait"), { kind: "blocked", ms: 5_000 }],
  ["no connection", new GatewayError("unavailable", "down", { delivered: "no" }), { kind: "retry" }],
  ["a lost answer", new GatewayError("unavailable", "time-out", { delivered: "unknown" }), { kind: "unknown" }],
  ["an error that says nothing", new GatewayError("unavailable", "?"), { kind: "unknown" }],
  ["a foreign error", new TypeError("boom"), { kind: "unknown" }],
  ["a message that is gone", new GatewayError("not_found", "no message"), { kind: "missing" }],
  ["a refused text", new GatewayError("invalid", "bad entities"), { kind: "refused" }],
  ["a text too long", new GatewayError("too_large", "too long"), { kind: "refused" }],
  ["a blocked bot", new GatewayError("forbidden", "blocked", { place: { kind: "gone" } }), { kind: "gone" }],
  ["a missing right", new GatewayError("forbidden", "no rights"), { kind: "refused" }],
  [
    "a group that moved",
    new GatewayError("invalid", "moved", { place: { kind: "moved", chat: "-100" } }),
    { kind: "moved", chat: "-100" },
  ],
  [
    "a topic that is gone",
    new GatewayError("invalid", "topic", { place: { kind: "thread_gone" } }),
    { kind: "thread_gone" },
  ],
] as const)("reads %s", (_, error, failure) => {
  expect(judgeSendFailure(error)).toEqual(failure);
});
