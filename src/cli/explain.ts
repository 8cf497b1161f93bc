import { ConfigFaults } from "../config.ts";
import { GatewayError } from "../errors.ts";

/** What the person at the terminal reads about an error; only of a bug the stack. */
export function explain(error: unknown): string {
  if (error instanceof GatewayError && error.code === "unauthorized") {
    return `${error.message} It is the gateway's ADMIN_API_KEY, or the file admin-key in its DATA_DIR.`;
  }
  if (error instanceof GatewayError && error.code === "rate_limited" && error.retryAfterMs !== undefined) {
    return `${error.message} Try again in ${Math.ceil(error.retryAfterMs / 1000)} s.`;
  }
  if (error instanceof GatewayError || error instanceof ConfigFaults) return error.message;
  if (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_"))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
