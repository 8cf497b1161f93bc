import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { ModelFailure } from "../../src/agent/model-client.ts";
import { collect, expectOneFinal, modelRequest, textOfEvents } from "../contract/model-client.ts";
import type { Script } from "../fakes/model/script.ts";
import { english } from "../../src/texts/english.ts";
import { API_KEY, failureOf, openAISubject } from "./openai-subject.ts";

const TEXT = "Grüße, 世界 🌍: the answer is long enough to be cut.";

interface Case {
  row: string;
  what: string;
  script: Script;
  said: string | RegExp;
  failure: Partial<ModelFailure>;
}

/** Short only where the time is what is tested; long enough for the request to arrive on a busy machine. */
function deadlines({ failure }: Case) {
  return {
    firstTokenMs: failure.kind === "first_token_timeout" ? 500 : 10_000,
    idleMs: failure.kind === "idle_timeout" ? 100 : 10_000,
  };
}

const FAULTS: Case[] = [
  {
    row: "fault-26",
    what: "a stall in the middle of the answer",
    script: { fault: "stall-mid" },
    said: /^Grüße.+$/s,
    failure: { kind: "idle_timeout" },
  },
  {
    row: "fault-26",
    what: "a stall in the middle that is filled with keep-alive comments",
    script: { fault: "stall-mid-comments" },
    said: /^Grüße.+$/s,
    failure: { kind: "idle_timeout" },
  },
  {
    row: "fault-27",
    what: "a server that never sends headers",
    script: { fault: "no-headers" },
    said: "",
    failure: { kind: "first_token_timeout" },
  },
  {
    row: "fault-27",
    what: "a server that sends headers and then nothing",
    script: { fault: "stall-before" },
    said: "",
    failure: { kind: "first_token_timeout" },
  },
  {
    row: "fault-27",
    what: "a server that only sends keep-alive comments",
    script: { fault: "stall-comments" },
    said: "",
    failure: { kind: "first_token_timeout" },
  },
  {
    row: "fault-28",
    what: "a stream that ends without a finish reason",
    script: { fault: "truncate" },
    said: /^Grüße.+$/s,
    failure: { kind: "truncated" },
  },
  {
    row: "fault-28",
    what: "a stream that says [DONE] without a finish reason",
    script: { fault: "truncate-done" },
    said: /^Grüße.+$/s,
    failure: { kind: "truncated" },
  },
  {
    row: "fault-28",
    what: "a connection that is reset in the middle",
    script: { fault: "reset-mid", chunkEveryMs: 4 },
    said: /^Grüße.+$/s,
    failure: { kind: "truncated" },
  },
  {
    row: "fault-29",
    what: "an event that is not JSON",
    script: { fault: "malformed" },
    said: /^Grüße.+$/s,
    failure: { kind: "retryable", message: "The model's answer could not be read." },
  },
  {
    row: "fault-29",
    what: "an error event in the middle",
    script: { fault: "error-event" },
    said: /^Grüße.+$/s,
    failure: { kind: "retryable", message: "The model provider has trouble at the moment." },
  },
  {
    row: "fault-29",
    what: "an error event about the rate",
    script: { fault: "error-event-rate-limit" },
    said: /^Grüße.+$/s,
    failure: { kind: "retryable", message: "The model provider is busy." },
  },
  {
    row: "fault-29",
    what: "an error event about the length",
    script: { fault: "error-event-context", faultAfterChunks: 0 },
    said: "",
    failure: { kind: "context_too_long" },
  },
  {
    row: "fault-29",
    what: "an empty answer",
    script: { fault: "empty" },
    said: "",
    failure: { kind: "retryable", message: "The model gave an empty answer." },
  },
  {
    row: "fault-29",
    what: "an answer of white space only",
    script: { text: " \n\n " },
    said: " \n\n ",
    failure: { kind: "retryable", message: "The model gave an empty answer." },
  },
  {
    row: "fault-29",
    what: "an answer that the content filter ate whole",
    script: { text: "", fault: "content-filter" },
    said: "",
    failure: { kind: "refused", message: expect.stringMatching(/content filter .*\. Please use other words, or /) },
  },
  {
    row: "fault-30",
    what: "a rate limit",
    script: { fault: "429", retryAfter: 7 },
    said: "",
    failure: { kind: "retryable", retryAfterMs: 7000 },
  },
  {
    row: "fault-30",
    what: "a rate limit of an hour",
    script: { fault: "429", retryAfter: 3600 },
    said: "",
    failure: { kind: "retryable", retryAfterMs: 3_600_000 },
  },
  {
    row: "fault-30",
    what: "a 500",
    script: { fault: "500" },
    said: "",
    failure: { kind: "retryable", message: "The model provider has trouble at the moment." },
  },
  {
    row: "fault-30",
    what: "a 503 with Retry-After",
    script: { fault: "503", retryAfter: 2 },
    said: "",
    failure: { kind: "retryable", retryAfterMs: 2000 },
  },
  {
    row: "fault-30",
    what: "a proxy's HTML page",
    script: { fault: "html" },
    said: "",
    failure: { kind: "retryable" },
  },
  {
    row: "fault-30",
    what: "a quota that is used up",
    script: { fault: "quota", retryAfter: 1 },
    said: "",
    failure: { kind: "refused", message: "The model provider's quota or credit is used up." },
  },
  {
    row: "fault-31",
    what: "a conversation that is too long",
    script: { fault: "context-too-long" },
    said: "",
    failure: { kind: "context_too_long", message: "The conversation is too long for the model." },
  },
  {
    row: "refusal",
    what: "a key that is not accepted",
    script: { fault: "401" },
    said: "",
    failure: { kind: "refused", message: "The model provider did not accept the gateway's key." },
  },
  {
    row: "refusal",
    what: "a model that does not exist",
    script: { fault: "404" },
    said: "",
    failure: { kind: "refused", message: "The model provider does not know this model or address." },
  },
  {
    row: "refusal",
    what: "a bad request",
    script: { fault: "bad-request" },
    said: "",
    failure: { kind: "refused", message: "The model provider did not accept the request." },
  },
  {
    row: "network",
    what: "a connection that is closed before any answer",
    script: { fault: "hang-up" },
    said: "",
    failure: { kind: "retryable", message: "The model provider cannot be reached." },
  },
];

test.each(FAULTS)("$row: $what ends as one failure that a person can read", async (row) => {
  const { script, said, failure } = row;
  await using subject = await openAISubject();
  const events = await subject.ask({ text: TEXT, ...script }, deadlines(row));
  expectOneFinal(events);
  expect(failureOf(events)).toMatchObject(failure);
  expect(failureOf(events).message).toMatch(/^[A-Z][^<>{}\n]*\.$/);
  expect(failureOf(events).message).toBe(english.modelTroubles[failureOf(events).what!]);
  if (typeof said === "string") expect(textOfEvents(events)).toBe(said);
  else expect(textOfEvents(events)).toMatch(said);
  expect(subject.server.requests).toHaveLength(1);
  await subject.server.until(() => subject.open() === 0);
});

test.each(FAULTS)("security-28: after $what neither failure nor cause holds the key", async (row) => {
  await using subject = await openAISubject();
  const events = await subject.ask({ text: TEXT, ...row.script }, deadlines(row));
  const seen = inspect(events, { depth: Infinity, showHidden: true }) + JSON.stringify(events);
  expect(seen).not.toContain(API_KEY);
  expect(seen).not.toContain(API_KEY.slice(3));
  expect(subject.server.requests[0]?.apiKeyOk).toBe(true);
});

test("security-28: a key that no header can hold is not shown either", async () => {
  const apiKey = `${API_KEY}\nX-Evil: 1`;
  await using subject = await openAISubject({ apiKey });
  const events = await subject.ask({});
  expect(failureOf(events)).toMatchObject({ kind: "refused", message: "The model could not be asked." });
  expect(inspect(events, { depth: Infinity, showHidden: true })).not.toContain(API_KEY);
  expect(subject.server.requests).toHaveLength(0);
});

test("security-28: secrets in the base URL stay out of failures", async () => {
  const baseUrl = "http://ann:pass-canary@127.0.0.1:1/v1?token=query-canary";
  await using subject = await openAISubject({ baseUrl });
  const events = await collect(subject.model.stream(modelRequest("Hello"), new AbortController().signal));
  expect(failureOf(events)).toMatchObject({ kind: "retryable", message: "The model provider cannot be reached." });
  expect(inspect(events, { depth: Infinity, showHidden: true })).not.toMatch(/canary/);
});
