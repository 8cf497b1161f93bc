import { APIConnectionError, APIError } from "openai/core/error";
import type { ModelFailure } from "../../src/agent/model-client.ts";

/** What is known of a refusal, from an HTTP answer (`status` set) or from an error event inside a stream. */
export interface ProviderError {
  status: number | undefined;
  code: string;
  type: string;
  message: string;
}

type Kind = ModelFailure["kind"];
type Verdict = readonly [kind: Kind, what: NonNullable<ModelFailure["what"]>, message: string];

const BUSY: Verdict = ["retryable", "busy", "The model provider is busy."];
const TROUBLE: Verdict = ["retryable", "trouble", "The model provider has trouble at the moment."];
const NO_CREDIT: Verdict = ["refused", "no_credit", "The model provider's quota or credit is used up."];
const BAD_KEY: Verdict = ["refused", "bad_key", "The model provider did not accept the gateway's key."];
const NO_ACCESS: Verdict = ["refused", "no_access", "The model provider denies access to this model."];
const NO_MODEL: Verdict = ["refused", "no_model", "The model provider does not know this model or address."];
const TOO_LONG: Verdict = ["context_too_long", "too_long", "The conversation is too long for the model."];
const NO_IMAGES: Verdict = ["images_refused", "no_images", "The model does not look at pictures."];
const FILTERED: Verdict = [
  "refused",
  "filtered",
  "The model provider's content filter refused this conversation. Please use other words, or start a new one.",
];
const BAD_REQUEST: Verdict = ["refused", "bad_request", "The model provider did not accept the request."];
const UNREACHABLE: Verdict = ["retryable", "unreachable", "The model provider cannot be reached."];
const UNREADABLE: Verdict = ["retryable", "unreadable", "The model's answer could not be read."];

/**
 * The first row that fits decides. Codes come before statuses, because providers disagree about statuses:
 * https://platform.openai.com/docs/guides/error-codes, https://openrouter.ai/docs/api-reference/errors
 */
const BY_CODE: readonly (readonly [pattern: RegExp, verdict: Verdict])[] = [
  [/context_length_exceeded|context_window|string_above_max_length/, TOO_LONG],
  [/insufficient_quota|billing|insufficient_balance|payment_required/, NO_CREDIT],
  [/content_filter|content_policy|moderation/, FILTERED],
  [/invalid_api_key|authentication/, BAD_KEY],
  [/permission|access_denied/, NO_ACCESS],
  [/model_not_found/, NO_MODEL],
  [/rate_limit|overloaded|too_many_requests|resource_exhausted/, BUSY],
  [/server_error|api_error|internal|unavailable|timeout/, TROUBLE],
];

/** Only for requests that were refused as bad: other providers have no code for a conversation that is too long. */
const TOO_LONG_WORDS =
  /maximum context|context (length|window|size)|(prompt|input|request) is too (long|large)|too many (input )?tokens|exceeds? .{0,40}token/i;

/**
 * How servers say that this model, or this picture, will not do: OpenAI ("Invalid content type. image_url is only
 * supported by certain models", "unsupported image", "image exceeds …"), OpenRouter ("No endpoints found that support
 * image input", a 404), vLLM ("is not a multimodal model", "At most 0 image(s) may be provided"), llama.cpp ("image
 * input is not supported"), DeepSeek and others by serde ("unknown variant `image_url`, expected `text`"), Ollama.
 */
const NO_IMAGES_WORDS =
  /image_url|image input|image\(s\)|images? (is|are|was|were)? ?not (supported|allowed)|(support|process|accept|read)\w* (any )?images?\b|(unsupported|invalid|too many|large) images?\b|image (exceeds|is too|size|format|data|url)|not (a )?(multimodal|vision)|multimodal.{0,20}not|does not support (vision|multimodal)|vision is not/i;

function byStatus(status: number): Verdict {
  if (status === 401) return BAD_KEY;
  if (status === 402) return NO_CREDIT;
  if (status === 403) return NO_ACCESS;
  if (status === 404 || status < 400) return NO_MODEL;
  if (status === 413) return TOO_LONG;
  if (status === 429) return BUSY;
  if (status === 408 || status === 409 || status === 425 || status >= 500) return TROUBLE;
  return BAD_REQUEST;
}

function judge({ status, code, type, message }: ProviderError): Verdict {
  const words = `${code} ${type}`.toLowerCase();
  // A 429 or 5xx that mentions tokens speaks of a rate, not of the conversation.
  const badRequest = status === undefined || status === 400 || status === 413 || status === 422;
  if (badRequest && TOO_LONG_WORDS.test(message)) return TOO_LONG;
  // Ollama calls everything that has no other name an api_error.
  const certain = status !== undefined && status >= 401 && status <= 404;
  const mayBeImages = badRequest || status === 404 || status === 415 || status === 500 || status === 501;
  if (mayBeImages && NO_IMAGES_WORDS.test(message)) return NO_IMAGES;
  const row = BY_CODE.find(([pattern, verdict]) => pattern.test(words) && !(certain && verdict === TROUBLE));
  if (row) return row[1];
  // In a stream, what stands for a status may be the code itself.
  const number = status ?? Number(code);
  return number >= 300 ? byStatus(number) : status === undefined ? TROUBLE : BAD_REQUEST;
}

function failure([kind, what, message]: Verdict, cause: Error | null, retryAfterMs?: number): ModelFailure {
  return { kind, what, message, ...(retryAfterMs !== undefined && { retryAfterMs }), ...(cause && { cause }) };
}

/** Failures that are not said by the provider. `detail` is for the operator and holds nothing from outside. */
export const FAILURES = {
  aborted: () => failure(["aborted", "stopped", "The answer was stopped."], null),
  truncated: (detail: string | null) =>
    failure(["truncated", "broke_off", "The model's answer broke off."], detail === null ? null : new Error(detail)),
  firstToken: (ms: number) =>
    failure(
      ["first_token_timeout", "never_began", "The model did not begin to answer in time."],
      new Error(`nothing in ${ms} ms`),
    ),
  idle: (ms: number) =>
    failure(
      ["idle_timeout", "fell_silent", "The model stopped in the middle of its answer."],
      new Error(`silent for ${ms} ms`),
    ),
  unreadable: (detail: string) => failure(UNREADABLE, new Error(detail)),
  empty: (reason: "stop" | "length" | "refusal") => {
    if (reason === "refusal") return failure(FILTERED, null);
    if (reason === "length")
      return failure(
        [
          "refused",
          "limit_used_up",
          "The model's answer limit was used up before it said anything. Please ask for less at once.",
        ],
        null,
      );
    return failure(["retryable", "empty", "The model gave an empty answer."], null);
  },
};

/** An `{error}` inside a stream or in a 200 answer: an object, or just words. */
export function failureOfErrorEvent(error: unknown, redact: (text: string) => string): ModelFailure {
  const known = readProviderError(undefined, error);
  return failure(judge(known), causeOf(known, null, redact));
}

/**
 * What a rejected request means. The cause is made anew: SDK errors carry headers, bodies and addresses, and what
 * remains of their words is redacted.
 */
export function failureOfError(error: unknown, redact: (text: string) => string, nowMs: number): ModelFailure {
  if (error instanceof APIError && error.status !== undefined) {
    const known = readProviderError(error.status as number, error.error ?? error.message);
    const verdict = judge(known);
    const retryAfterMs =
      verdict[0] === "retryable" ? readRetryAfter(error.headers as Headers | undefined, nowMs) : undefined;
    return failure(verdict, causeOf(known, error.requestID ?? null, redact), retryAfterMs);
  }
  const what = redact(errorCodeOf(error)).slice(0, CAUSE_CHARS);
  if (error instanceof APIConnectionError) return failure(UNREACHABLE, new Error(`connection failed: ${what}`));
  // A request that could not even be made: a bug, or a key that no header can hold.
  return failure(["refused", "not_asked", "The model could not be asked."], new Error(what));
}

function readProviderError(status: number | undefined, error: unknown): ProviderError {
  const fields = typeof error === "object" && error !== null ? (error as Record<string, unknown>) : { message: error };
  const type = word(fields["type"]) || word(fields["status"]);
  return { status, code: word(fields["code"]), type, message: word(fields["message"]) };
}

function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/**
 * An error body as the SDK understands it, `{ error }`: Gemini's endpoint sends a list of one, FastAPI `{ detail }`, of
 * which the SDK would keep nothing but the status.
 */
export function normalErrorBody(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return text;
  }
  const first: unknown = Array.isArray(body) ? body[0] : body;
  if (typeof first !== "object" || first === null) return text;
  if ("error" in first) return JSON.stringify({ error: first.error });
  return JSON.stringify({ error: "detail" in first ? { message: JSON.stringify(first.detail) } : first });
}

const CAUSE_CHARS = 300;
/** Where FastAPI and vLLM begin to quote what they were sent: what people wrote does not belong into a log. */
const QUOTED_INPUT = /["']input["']\s*:|\binput_value=/;

function causeOf(
  { status, code, type, message }: ProviderError,
  requestId: string | null,
  redact: (text: string) => string,
): Error {
  const head = [status, code, type === code ? "" : type].filter((part) => part !== undefined && part !== "").join(" ");
  const id = requestId === null ? "" : ` (request ${requestId})`;
  const [said = ""] = message.split(QUOTED_INPUT, 1);
  // Redacted before it is cut: a secret that is cut in the middle would no longer be recognised.
  return new Error(
    redact(`${head || "error"}: ${said}${id}`)
      .slice(0, CAUSE_CHARS)
      .toWellFormed(),
  );
}

/** The innermost code, such as ECONNREFUSED or UND_ERR_SOCKET (outer errors only say that fetching failed), else words. */
export function errorCodeOf(error: unknown): string {
  let code = "";
  for (let current = error, depth = 0; current instanceof Error && depth < 8; current = current.cause, depth++) {
    const own = (current as { code?: unknown }).code;
    if (typeof own === "string" && own !== "") code = own;
  }
  return code || (error instanceof Error ? `${error.name}: ${error.message}` : typeof error);
}

/** `retry-after-ms`, else `retry-after` in seconds or as a date; however long, since the caller decides what to do. */
export function readRetryAfter(headers: Headers | undefined, nowMs: number): number | undefined {
  const exact = Number.parseFloat(headers?.get("retry-after-ms") ?? "");
  if (exact >= 0) return Math.ceil(exact);
  const value = headers?.get("retry-after")?.trim() ?? "";
  if (value === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1000));
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** What is shorter stands in many words by chance. */
const TELLING_CHARS = 8;

/**
 * Takes secrets out of words that came from outside: as it is, as JSON writes it, and as providers mask it
 * (`sk-ab***yz`); of addresses only the origin stays.
 */
export function redactor(apiKey: string, ...others: string[]): (text: string) => string {
  const secrets = [apiKey, ...others.filter(({ length }) => length >= TELLING_CHARS)];
  const forms = secrets
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
    .filter((form) => form !== "");
  return (text) =>
    forms
      .reduce((left, form) => left.replaceAll(form, "[key]"), text)
      .replace(/\b(?:sk|key|pk)-[\w*.-]{4,}/g, "[key]")
      .replace(/\bBearer\s+\S+/gi, "Bearer [key]")
      // A refused request may be quoted with the picture in it.
      .replace(/\bdata:[\w/+.-]{1,100};base64,[\w+/=-]*/gi, "data:…")
      // Bounded, so that no text makes it slow.
      .replace(/\b([a-z][a-z0-9+.-]{0,15}:\/\/)(?:[^\s/@]*@)?([^\s/?#"'<>]+)[^\s"'<>]*/gi, "$1$2");
}
