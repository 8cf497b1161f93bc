export type ErrorCode =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "stale"
  | "too_large"
  | "rate_limited"
  | "unavailable"
  | "cancelled"
  | "internal";

export interface ErrorDetails {
  cause?: unknown;
  /** How long the refusing side asked us to wait. */
  retryAfterMs?: number;
  /**
   * For sends only: "no" = certainly not applied (refused, or never left this machine), so it may be repeated;
   * "unknown" = it may have been applied (time-out, reset or 5xx after the request was written).
   */
  delivered?: "no" | "unknown";
  /** What a refusal says about the place itself; see `PlaceTrouble`. */
  place?: PlaceTrouble;
}

/** `gone`: nothing can be sent there any more; `moved`: it has another address now; `thread_gone`: only the thread is lost. */
export type PlaceTrouble = { kind: "gone" } | { kind: "moved"; chat: string } | { kind: "thread_gone" };

/**
 * The one error class. `message` may be shown to a person, so it never holds a token, SQL, a path or another person's
 * text; the cause is for the operator. Programming mistakes throw plain `Error` instead.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly delivered: "no" | "unknown" | undefined;
  readonly place: PlaceTrouble | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.name = "GatewayError";
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.delivered = details.delivered;
    this.place = details.place;
  }
}

/** The code of a `GatewayError`; anything else is `internal`. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof GatewayError ? error.code : "internal";
}

/** What a person may read about this error. */
export function publicMessage(error: unknown): string {
  return error instanceof GatewayError && error.code !== "internal" ? error.message : "Something went wrong.";
}
