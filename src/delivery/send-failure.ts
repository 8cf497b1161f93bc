import { GatewayError } from "../errors.ts";

/** What a failed send, edit or removal means for the page. */
export type SendFailure =
  /** Nothing to this chat before the time is over; certainly not applied. */
  | { kind: "blocked"; ms: number }
  /** Certainly not applied; try again later. */
  | { kind: "retry" }
  /** May have been applied. */
  | { kind: "unknown" }
  /** The message that was to be edited is not there. */
  | { kind: "missing" }
  | { kind: "gone" }
  | { kind: "moved"; chat: string }
  | { kind: "thread_gone" }
  /** The platform will never take it. */
  | { kind: "refused" };

/** A 429 without a time. */
const DEFAULT_BLOCK_MS = 5_000;

/** Pure. An error that is no `GatewayError` is doubt: nobody knows what it left applied. */
export function judgeSendFailure(error: unknown): SendFailure {
  if (!(error instanceof GatewayError)) return { kind: "unknown" };
  if (error.place) return error.place;
  switch (error.code) {
    case "rate_limited":
      return { kind: "blocked", ms: error.retryAfterMs ?? DEFAULT_BLOCK_MS };
    case "not_found":
      return { kind: "missing" };
    case "invalid":
    case "too_large":
    case "conflict":
    case "stale":
    case "forbidden":
      // What it says of the place itself comes as `place`.
      return { kind: "refused" };
    case "unauthorized":
    case "unavailable":
    case "cancelled":
    case "internal":
      return error.delivered === "no" ? { kind: "retry" } : { kind: "unknown" };
    default:
      error.code satisfies never;
      return { kind: "unknown" };
  }
}

/** Pure: the call's time was over before it was written (`rightToCall`), which says nothing about its place. */
export function isLetGo(error: unknown): boolean {
  return error instanceof GatewayError && error.code === "cancelled" && error.delivered === "no";
}
