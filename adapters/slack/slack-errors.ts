import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError } from "@slack/web-api";
import { type ErrorCode, GatewayError, type PlaceTrouble } from "../../src/errors.ts";

/** Why a call had no readable answer. `sent`: the request had begun to be written, so it may have been applied. */
export class TransportFailure extends Error {
  readonly reason: "busy" | "cancelled" | "deadline" | "network" | "unreadable";
  readonly sent: boolean;
  /** The HTTP status, when there was one. */
  readonly status: number | null;

  constructor(reason: TransportFailure["reason"], sent: boolean, status: number | null, detail: string) {
    super(`${reason}: ${detail}`);
    this.name = "TransportFailure";
    this.reason = reason;
    this.sent = sent;
    this.status = status;
  }
}

/** The operator's view of a refusal: Slack's own word for it, without the token and without what was sent. */
class SlackRefusal extends Error {
  readonly method: string;
  readonly reason: string;

  constructor(method: string, reason: string, needed: string) {
    super(`${method}: ${reason}${needed === "" ? "" : `, needed: ${needed}`}`);
    this.name = "SlackRefusal";
    this.method = method;
    this.reason = reason;
  }
}

interface Verdict {
  code: ErrorCode;
  message: string;
  delivered?: "unknown";
  place?: PlaceTrouble;
}

const TOKEN: Verdict = { code: "unauthorized", message: "Slack does not accept the bot token." };
const GONE: Verdict = {
  code: "not_found",
  message: "The bot cannot write in this channel, or it is gone.",
  place: { kind: "gone" },
};
const NO_THREADS: Verdict = {
  code: "not_found",
  message: "There are no threads here.",
  place: { kind: "thread_gone" },
};
/** What was asked was taken back, so the answer must not go before the whole channel instead. */
const THREAD: Verdict = { code: "not_found", message: "This thread is gone." };
const MESSAGE: Verdict = { code: "not_found", message: "This message is gone or cannot be edited." };
const LONG: Verdict = { code: "too_large", message: "The text is too long for Slack." };
const RIGHTS: Verdict = { code: "forbidden", message: "The bot may not do this on Slack." };
const HASTE: Verdict = { code: "rate_limited", message: "Slack asks to slow down." };
const TROUBLE: Verdict = { code: "unavailable", message: "Slack has trouble." };
/** "It's possible some aspect of the operation succeeded before the error was raised" (docs of every method). */
const HALFWAY: Verdict = { ...TROUBLE, delivered: "unknown" };
const FILE: Verdict = { code: "not_found", message: "This file is gone." };
const REFUSED: Verdict = { code: "invalid", message: "Slack refused the request." };

/** The words of the Web API's methods (docs.slack.dev, "Errors" of chat.postMessage, chat.update and auth.test). */
const BY_REASON = new Map<string, Verdict>([
  ...all(TOKEN, "invalid_auth not_authed token_revoked token_expired not_allowed_token_type team_access_not_granted"),
  // The token's, and for a chat it is the end all the same.
  ["account_inactive", { ...TOKEN, place: { kind: "gone" } }],
  ...all(GONE, "channel_not_found not_in_channel is_archived is_inactive messages_tab_disabled user_not_found"),
  ...all(GONE, "restricted_action restricted_action_read_only_channel user_disabled cannot_dm_bot team_not_found"),
  ...all(THREAD, "thread_not_found cannot_reply_to_message"),
  ...all(NO_THREADS, "restricted_action_non_threadable_channel"),
  ...all(MESSAGE, "message_not_found cant_update_message edit_window_closed block_mismatch"),
  ...all(FILE, "file_not_found file_deleted"),
  ...all(LONG, "msg_too_long msg_blocks_too_long"),
  ...all(RIGHTS, "missing_scope no_permission access_denied cant_delete_message accesslimited ekm_access_denied"),
  ...all(RIGHTS, "restricted_action_thread_only_channel restricted_action_thread_locked"),
  ...all(HASTE, "ratelimited rate_limited message_limit_exceeded"),
  ...all(
    TROUBLE,
    "streaming_state_conflict org_login_required team_added_to_org external_channel_migrating request_timeout",
  ),
  ...all(HALFWAY, "internal_error fatal_error service_unavailable"),
]);

/** For a 429 that does not say how long. */
const DEFAULT_RETRY_S = 5;

/** Nothing has been written yet when these come. */
const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT|.*CERT.*|UNABLE_TO_.*|ERR_SSL_.*)$/;

/**
 * Anything a call of Slack's clients can throw, as a `GatewayError` that says whether the call may have been applied.
 * @param secrets kept out of everything that is returned
 */
export function toSlackError(thrown: unknown, method: string, secrets: readonly string[] = []): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof WebAPIRateLimitedError) return tooFast(method, thrown.retryAfter);
  if (thrown instanceof WebAPIPlatformError) return refused(method, thrown.data);
  if (thrown instanceof WebAPIHTTPError) return refusedByStatus(method, thrown);
  if (thrown instanceof WebAPIRequestError) return toSlackError(thrown.original, method, secrets);
  if (thrown instanceof TransportFailure) return unanswered(thrown, method, secrets);
  // Slack's client throws this as a plain error, with the address in it.
  if (messageOf(thrown).startsWith("Retry header did not contain")) return tooFast(method, undefined);
  return failed(thrown, method);
}

/** Slack's own word (`invalid_blocks`), if `error` is a refusal of it; else "". */
export function slackReason(error: unknown): string {
  return error instanceof GatewayError && error.cause instanceof SlackRefusal ? error.cause.reason : "";
}

/** Removes secrets, and whatever looks like a token of Slack's, from a text for the log. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== "")
    .reduce((clean, secret) => clean.replaceAll(secret, "<secret>"), text)
    .replaceAll(/\bx(?:ox[a-z]|app)(?:\.xox[a-z])?-[\w.-]+/g, "<token>")
    .replaceAll(/\b(?:https?|wss?):\/\/\S+/g, "<address>")
    .slice(0, 300);
}

/** `data.error` is the whole body where that is no JSON. */
function refused(method: string, data: WebAPIPlatformError["data"] & { needed?: unknown }): GatewayError {
  const reason = wordIn(data.error);
  if (reason === null) return refusal(method, "an answer that cannot be read", HALFWAY);
  const verdict = BY_REASON.get(reason) ?? REFUSED;
  if (verdict === HASTE) return tooFast(method, data.response_metadata?.retryAfter, reason);
  return refusal(method, reason, verdict, typeof data.needed === "string" ? data.needed : "");
}

/** An answer with another status than 200: an edge's or a proxy's. Its 4xx still says that nothing was done. */
function refusedByStatus(method: string, { statusCode, body }: WebAPIHTTPError): GatewayError {
  if (statusCode === 429) return tooFast(method, undefined);
  const reason = statusCode < 500 ? wordIn((body as { error?: unknown } | undefined)?.error) : null;
  if (reason !== null) return refusal(method, reason, BY_REASON.get(reason) ?? REFUSED);
  const isCertain = statusCode >= 400 && statusCode < 500;
  return refusal(method, `HTTP ${statusCode}`, isCertain ? TROUBLE : HALFWAY);
}

function unanswered(failure: TransportFailure, method: string, secrets: readonly string[]): GatewayError {
  const { status, sent, reason } = failure;
  if (status === 429) return tooFast(method, undefined);
  const isRefusal = status !== null && status >= 400 && status < 500;
  const delivered = sent && !isRefusal ? "unknown" : "no";
  const cause = fresh(new Error(`${method}: ${redact(failure.message, secrets)}`));
  return reason === "cancelled"
    ? new GatewayError("cancelled", "The call was cancelled.", { cause, delivered })
    : new GatewayError("unavailable", "Slack cannot be reached.", { cause, delivered });
}

/** What `fetch` and the runtime throw. Their messages may hold addresses and texts, so only names and codes are kept. */
function failed(thrown: unknown, method: string): GatewayError {
  const name = thrown instanceof Error && /^\w{1,40}$/.test(thrown.name) ? thrown.name : "something that is no error";
  const code = codeOf(thrown) ?? codeOf(thrown instanceof Error ? thrown.cause : null);
  const cause = fresh(new Error([`${method}: ${name}`, ...(code === null ? [] : [code])].join(", ")));
  if (code !== null && BEFORE_SENDING.test(code)) {
    return new GatewayError("unavailable", "Slack cannot be reached.", { cause, delivered: "no" });
  }
  if (name === "AbortError")
    return new GatewayError("cancelled", "The call was cancelled.", { cause, delivered: "unknown" });
  const isNetwork = code !== null || name === "TimeoutError" || messageOf(thrown) === "fetch failed";
  return isNetwork
    ? new GatewayError("unavailable", "Slack cannot be reached.", { cause, delivered: "unknown" })
    : new GatewayError("internal", "The call failed.", { cause, delivered: "unknown" });
}

function tooFast(method: string, retryAfter: unknown, reason = "ratelimited"): GatewayError {
  const seconds = typeof retryAfter === "number" && Number.isFinite(retryAfter) ? retryAfter : DEFAULT_RETRY_S;
  const error = refusal(method, reason, HASTE);
  const details = { cause: error.cause, delivered: "no", retryAfterMs: Math.max(1, seconds) * 1000 } as const;
  return new GatewayError(HASTE.code, HASTE.message, details);
}

function refusal(method: string, reason: string, verdict: Verdict, needed = ""): GatewayError {
  const scopes = /^[\w:.,-]{1,200}$/.test(needed) ? needed : "";
  const cause = fresh(new SlackRefusal(method, reason, scopes));
  const { code, message, delivered = "no", place } = verdict;
  return new GatewayError(code, message, { cause, delivered, ...(place ? { place } : {}) });
}

function all(verdict: Verdict, reasons: string): [string, Verdict][] {
  return reasons.split(" ").map((reason) => [reason, verdict]);
}

function wordIn(value: unknown): string | null {
  return typeof value === "string" && /^[a-z][a-z0-9_]{0,79}$/.test(value) ? value : null;
}

function codeOf(error: unknown): string | null {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : null;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : "";
}

/** A stack repeats its message, and the one of what was thrown could hold anything. */
function fresh<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}
