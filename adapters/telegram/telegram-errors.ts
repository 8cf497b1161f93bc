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

/** The operator's view of a refusal: Telegram's own words, without the token and without what was sent. */
class TelegramRefusal extends Error {
  readonly method: string;
  readonly status: number;
  readonly description: string;

  constructor(method: string, status: number, description: string) {
    super(`${method}: ${status} ${description}`);
    this.name = "TelegramRefusal";
    this.method = method;
    this.status = status;
    this.description = description;
  }
}

/** Bot API, "Making requests": the body of an unsuccessful answer. */
export interface RefusalBody {
  error_code: number;
  description: string;
  parameters?: { retry_after?: number; migrate_to_chat_id?: number } | undefined;
}

interface Verdict {
  code: ErrorCode;
  message: string;
  place?: PlaceTrouble;
}

/** First match wins. The texts are those of the Bot API server (telegram-bot-api, Client.cpp) and of Telegram itself. */
const BY_DESCRIPTION: readonly (readonly [RegExp, Verdict])[] = [
  [
    /message thread not found|TOPIC_(CLOSED|DELETED|ID_INVALID)|topic.*(closed|deleted)/i,
    { code: "not_found", message: "This topic is closed or gone.", place: { kind: "thread_gone" } },
  ],
  [
    /chat not found|PEER_ID_INVALID|group chat was (deleted|deactivated)|CHANNEL_(PRIVATE|INVALID)/i,
    { code: "not_found", message: "This chat is gone.", place: { kind: "gone" } },
  ],
  [
    /message to (edit|delete|be replied) not found|message can't be edited|MESSAGE_ID_INVALID|no text in the message to edit/i,
    { code: "not_found", message: "This message is gone or cannot be edited." },
  ],
  [/file is too big/i, { code: "too_large", message: "The file is too large for Telegram." }],
  // Client.cpp: "wrong file_id or the file is temporarily unavailable" is one answer for both.
  [/file is temporarily unavailable/i, { code: "unavailable", message: "Telegram does not hand this file over now." }],
  [/(invalid|wrong) file_?\s?id/i, { code: "not_found", message: "Telegram does not have this file any more." }],
  [/too long|MESSAGE_TOO_LONG|Entity Too Large/i, { code: "too_large", message: "The text is too long for Telegram." }],
  [
    /not enough rights|no rights|CHAT_WRITE_FORBIDDEN|administrator rights|can't be deleted|CHAT_ADMIN_REQUIRED/i,
    { code: "forbidden", message: "The bot may not do this in this chat." },
  ],
];

function verdictByStatus(status: number): Verdict {
  // 404 is the answer to a token without the right shape as well as to an unknown method.
  if (status === 401 || status === 404)
    return { code: "unauthorized", message: "Telegram does not accept the bot token." };
  // Blocked, kicked, deactivated, never started: all end the chat for us.
  if (status === 403)
    return { code: "forbidden", message: "The bot cannot write in this chat.", place: { kind: "gone" } };
  if (status === 409) return { code: "conflict", message: "Another program uses this bot token." };
  if (status === 413) return { code: "too_large", message: "The text is too long for Telegram." };
  return { code: "invalid", message: "Telegram refused the request." };
}

/**
 * A refusal in our words. Any 4xx is certain not to have been applied; a 5xx is not.
 * @param token kept out of everything that is returned
 */
export function refused(method: string, body: RefusalBody, token: string): GatewayError {
  const { error_code: status, parameters } = body;
  const cause = fresh(new TelegramRefusal(method, status, redact(body.description, token)));
  if (status >= 500) {
    return new GatewayError("unavailable", "Telegram has trouble.", { cause, delivered: "unknown" });
  }
  if (status === 429) {
    const retryAfterMs = Math.max(1, parameters?.retry_after ?? 1) * 1000;
    return new GatewayError("rate_limited", "Telegram asks to slow down.", { cause, delivered: "no", retryAfterMs });
  }
  if (parameters?.migrate_to_chat_id !== undefined) {
    const place: PlaceTrouble = { kind: "moved", chat: String(parameters.migrate_to_chat_id) };
    return new GatewayError("conflict", "This group has moved.", { cause, delivered: "no", place });
  }
  const known =
    status === 400 || status === 403 ? BY_DESCRIPTION.find(([text]) => text.test(body.description)) : undefined;
  const { code, message, place } = known?.[1] ?? verdictByStatus(status);
  return new GatewayError(code, message, { cause, delivered: "no", ...(place ? { place } : {}) });
}

/** Anything a call can throw, as a `GatewayError` that says whether the call may have been applied. */
export function toTelegramError(thrown: unknown, method: string, token: string): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : "something that is no error was thrown";
  const cause = fresh(new Error(`${method}: ${redact(text, token)}`));
  if (!(thrown instanceof TransportFailure))
    return new GatewayError("internal", "The call failed.", { cause, delivered: "unknown" });
  // A proxy's or an edge's page instead of an answer: its 4xx still says that nothing was done.
  const refusedByStatus = thrown.status !== null && thrown.status >= 400 && thrown.status < 500;
  const delivered = thrown.sent && !refusedByStatus ? "unknown" : "no";
  if (thrown.reason === "cancelled")
    return new GatewayError("cancelled", "The call was cancelled.", { cause, delivered });
  if (thrown.status === 429) {
    return new GatewayError("rate_limited", "Telegram asks to slow down.", { cause, delivered, retryAfterMs: 1000 });
  }
  return new GatewayError("unavailable", "Telegram cannot be reached.", { cause, delivered });
}

/** What Telegram said, if `error` is a refusal of it; else "". */
function refusalText(error: unknown): string {
  return refusalIn(error)?.description ?? "";
}

function refusalIn(error: unknown): TelegramRefusal | null {
  return error instanceof GatewayError && error.cause instanceof TelegramRefusal ? error.cause : null;
}

/** Bot API errors for wrong or too many entities; the text alone is then accepted. */
export function isEntityRefusal(error: unknown): boolean {
  return error instanceof GatewayError && error.code === "invalid" && /entit/i.test(refusalText(error));
}

/**
 * A server that knows no rich messages, or none made of blocks (Bot API 10.2), when it is given one: the method is
 * unknown, an edit has no text, or all of the message is overlooked.
 */
export function isRichUnknown(error: unknown): boolean {
  const refusal = refusalIn(error);
  if (refusal?.status === 404) return true;
  const words = /method not found|message text is empty|rich message must be non-empty|rich[ _]messages? .*supported/i;
  return refusal?.status === 400 && words.test(refusal.description);
}

/** Something in this very message is not taken; its text may be. */
export function isRichRefusal(error: unknown): boolean {
  const isOfContent = error instanceof GatewayError && (error.code === "invalid" || error.code === "too_large");
  return isOfContent && refusalIn(error)?.status === 400 && !isNotModified(error) && !isReplyRefusal(error);
}

/** What a post was to answer is not there; it is taken without. In an edit the same words are about the message itself. */
export function isReplyRefusal(error: unknown): boolean {
  return /repl(y|ied) .*not found|MESSAGE_ID_INVALID/i.test(refusalText(error));
}

/** A picture in a shape or a format that Telegram does not show as one (Bot API, sendPhoto); as a file it takes it. */
export function isPictureRefusal(error: unknown): boolean {
  return /PHOTO_INVALID|IMAGE_PROCESS_FAILED|PHOTO_EXT_INVALID|too big for a photo/i.test(refusalText(error));
}

/** The server is older than the method; a token without the right shape would have been refused before. */
export function isUnknownMethod(error: unknown): boolean {
  const refusal = refusalIn(error);
  return refusal?.status === 404 || /method not found/i.test(refusal?.description ?? "");
}

/** Telegram's word for an edit that changes nothing (Bot API, editMessageText). */
export function isNotModified(error: unknown): boolean {
  return /message is not modified/i.test(refusalText(error));
}

/** Removes a token, and whatever looks like one, from a text for the log. */
export function redact(text: string, token: string): string {
  const without =
    token === "" ? text : text.replaceAll(token, "<token>").replaceAll(encodeURIComponent(token), "<token>");
  return without
    .replaceAll(/\/bot[^/\s]+/g, "/bot<token>")
    .replaceAll(/\d{5,}:[\w-]{30,}/g, "<token>")
    .slice(0, 300);
}

/** A message with a token in it could also stand in a stack, which repeats the message: make both from the clean text. */
function fresh<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}
