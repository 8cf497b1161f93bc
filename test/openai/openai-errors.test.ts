import { APIConnectionError, APIError, APIUserAbortError } from "openai/core/error";
import { expect, test } from "vitest";
import {
  failureOfError,
  failureOfErrorEvent,
  normalErrorBody,
  readRetryAfter,
  redactor,
} from "../../adapters/openai/openai-errors.ts";
import type { ModelFailure } from "../../src/agent/model-client.ts";

const plain = (text: string) => text;
const NOW = Date.parse("2026-11-21T10:00:00Z");

function httpFailure(status: number, error: object | undefined, headers: Record<string, string> = {}): ModelFailure {
  const body = error && { error };
  return failureOfError(APIError.generate(status, body, undefined, new Headers(headers)), plain, NOW);
}

test.each<[number, object | undefined, ModelFailure["kind"]]>([
  [301, undefined, "refused"],
  [400, { message: "Bad." }, "refused"],
  [400, { message: "x", code: "context_length_exceeded" }, "context_too_long"],
  [400, { message: "x", code: "string_above_max_length" }, "context_too_long"],
  [400, { message: "This model's maximum context length is 4096 tokens." }, "context_too_long"],
  [400, { message: "prompt is too long: 210000 tokens > 200000 maximum" }, "context_too_long"],
  [
    400,
    { message: "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)." },
    "context_too_long",
  ],
  [422, { message: "Input is too long for requested model" }, "context_too_long"],
  [413, undefined, "context_too_long"],
  [400, { message: "Invalid content type. image_url is only supported by certain models." }, "images_refused"],
  [400, { message: "You uploaded an unsupported image. Please make sure your image is valid." }, "images_refused"],
  [400, { message: "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum" }, "images_refused"],
  [404, { message: "No endpoints found that support image input" }, "images_refused"],
  [400, { message: "qwen3:8b is not a multimodal model" }, "images_refused"],
  [400, { message: "At most 0 image(s) may be provided in one request." }, "images_refused"],
  [500, { message: "image input is not supported - hint: you may need to provide the mmproj" }, "images_refused"],
  [422, { message: "unknown variant `image_url`, expected `text`" }, "images_refused"],
  [400, { message: "This model does not support images." }, "images_refused"],
  [400, { message: "The model cannot process images" }, "images_refused"],
  [500, { message: "The server that draws images had an error." }, "retryable"],
  [400, { message: "Invalid parameter: imagine." }, "refused"],
  [400, { message: "filtered", code: "content_filter" }, "refused"],
  [401, { message: "x", code: "invalid_api_key" }, "refused"],
  [401, { message: "unauthorized", type: "api_error" }, "refused"],
  [402, undefined, "refused"],
  [403, undefined, "refused"],
  [404, { message: "x", code: "model_not_found" }, "refused"],
  [404, undefined, "refused"],
  [404, { message: "x", type: "api_error" }, "refused"],
  [408, undefined, "retryable"],
  [409, undefined, "retryable"],
  [422, undefined, "refused"],
  [425, undefined, "retryable"],
  [429, undefined, "retryable"],
  [429, { message: "Too many tokens per minute: maximum context tokens" }, "retryable"],
  [429, { message: "x", code: "insufficient_quota" }, "refused"],
  [429, { message: "x", code: 429, status: "RESOURCE_EXHAUSTED" }, "retryable"],
  [500, undefined, "retryable"],
  [502, undefined, "retryable"],
  [503, { message: "x", type: "overloaded_error" }, "retryable"],
  [529, undefined, "retryable"],
])("HTTP %i with %j is %s", (status, error, kind) => {
  const failure = httpFailure(status, error);
  expect(failure.kind).toBe(kind);
  expect(failure.message).toMatch(/^(The|Try)[^<>{}\n]*\.$/);
  expect(String(failure.cause)).toContain(String(status));
});

test("Retry-After counts only where a retry may help", () => {
  const headers = { "retry-after": "90" };
  expect(httpFailure(429, undefined, headers).retryAfterMs).toBe(90_000);
  expect(httpFailure(503, undefined, headers).retryAfterMs).toBe(90_000);
  expect(httpFailure(401, undefined, headers)).not.toHaveProperty("retryAfterMs");
});

test.each<[Record<string, string>, number | undefined]>([
  [{}, undefined],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "1.5" }, 1500],
  [{ "retry-after": "86400" }, 86_400_000],
  [{ "retry-after": "-5" }, 0],
  [{ "retry-after": "Sat, 21 Nov 2026 10:00:30 GMT" }, 30_000],
  [{ "retry-after": "Sat, 21 Nov 2026 09:00:00 GMT" }, 0],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "20", "retry-after-ms": "250" }, 250],
  [{ "retry-after": "20", "retry-after-ms": "x" }, 20_000],
])("the headers %j ask for a wait of %s ms", (headers, expected) => {
  expect(readRetryAfter(new Headers(headers), NOW)).toBe(expected);
});

test("a connection that failed says the innermost code and no more", () => {
  const inner = Object.assign(new Error("connect ECONNREFUSED 10.0.0.7:443"), { code: "ECONNREFUSED" });
  const error = new APIConnectionError({ cause: new Error("fetch failed", { cause: inner }) });
  const failure = failureOfError(error, plain, NOW);
  expect(failure).toMatchObject({ kind: "retryable", message: "The model provider cannot be reached." });
  expect(String(failure.cause)).toBe("Error: connection failed: ECONNREFUSED");
});

test("an error that is nobody's answer is not retried", () => {
  expect(failureOfError(new TypeError("bug"), plain, NOW)).toMatchObject({ kind: "refused" });
  expect(failureOfError(new APIUserAbortError(), plain, NOW)).toMatchObject({ kind: "refused" });
  expect(failureOfError("thrown words", plain, NOW)).toMatchObject({ kind: "refused" });
});

test("an error event is judged by its code, then by its words", () => {
  expect(failureOfErrorEvent({ message: "x", code: 503 }, plain).kind).toBe("retryable");
  expect(failureOfErrorEvent({ message: "x", code: 401 }, plain).kind).toBe("refused");
  expect(failureOfErrorEvent({ message: "context length exceeded", code: 400 }, plain).kind).toBe("context_too_long");
  expect(failureOfErrorEvent({}, plain).kind).toBe("retryable");
  expect(failureOfErrorEvent(null, plain).kind).toBe("retryable");
});

test.each([
  ['{"error":{"message":"m"}}', '{"error":{"message":"m"}}'],
  ['[{"error":{"code":429}}]', '{"error":{"code":429}}'],
  ['{"object":"error","message":"m"}', '{"error":{"object":"error","message":"m"}}'],
  ['{"detail":"Not Found"}', '{"error":{"message":"\\"Not Found\\""}}'],
  ["<html>", "<html>"],
  ["null", "null"],
  ["", ""],
])("the error body %s reaches the SDK as %s", (given, expected) => {
  expect(normalErrorBody(given)).toBe(expected);
});

test("security-28: keys, masked keys, tokens and addresses are taken out of a provider's words", () => {
  const key = 'sk-secret"1/2';
  const redact = redactor(key);
  expect(redact("bad image data:image/png;base64,aGVsbG8gQW5u= in it")).toBe("bad image data:… in it");
  const words = [
    `key ${key} is wrong`,
    JSON.stringify({ key }),
    `https://ann:pw@host.example:8443/v1/chat?key=${encodeURIComponent(key)} failed`,
    "Incorrect API key provided: sk-proj-ab***************yz.",
    "Authorization: Bearer abc.def",
  ].map(redact);
  expect(words[0]).toBe("key [key] is wrong");
  expect(words[1]).toBe('{"key":"[key]"}');
  expect(words[2]).toBe("https://host.example:8443 failed");
  expect(words[3]).toMatch(/provided: \[key\]$/);
  expect(words[4]).toBe("Authorization: Bearer [key]");
});

test.each([
  [
    {
      detail: [{ type: "string_type", loc: ["body", "messages", 0], msg: "Input should be a string", input: "canary" }],
    },
  ],
  [{ object: "error", message: "[{'type': 'missing', 'msg': 'Field required', 'input': {'content': 'canary'}}]" }],
  [{ error: { message: "content Input should be a string [type=string_type, input_value={'a': 'canary'}]" } }],
])("security-30: what a provider quotes of the conversation stays out of the cause: %j", (body) => {
  const { error } = JSON.parse(normalErrorBody(JSON.stringify(body))) as { error: object };
  const { cause } = httpFailure(400, error);
  expect(String(cause)).toMatch(/string_type|missing/);
  expect(String(cause)).not.toContain("canary");
});

test("security-28: a cause is cut only after it was redacted, and holds nothing but words", () => {
  const key = `canary${"x".repeat(60)}`;
  const error = APIError.generate(
    400,
    { error: { message: `${"a".repeat(270)} ${key}` } },
    undefined,
    new Headers({ "set-cookie": "session=1", "x-request-id": "req_1" }),
  );
  const { cause } = failureOfError(error, redactor(key), NOW);
  expect(String(cause)).not.toContain("canary");
  expect(Object.keys(cause as Error)).toEqual([]);
  expect((cause as Error).cause).toBeUndefined();
  expect((cause as Error).message.length).toBeLessThanOrEqual(300);
});
