import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from "@modelcontextprotocol/client";

/**
 * What a failed exchange with a server means. `unsent`: the server certainly did not run the call; `answered`: the
 * server refuses it in words; `late`: no answer in time; `lost`: the connection broke, the outcome is unknown.
 */
export interface McpTrouble {
  kind: "unsent" | "answered" | "late" | "lost";
  /** For the log: a code, never words of the server, which may repeat a secret it was sent. */
  reason: string;
  /** The server's own words, which are data; only with `answered`. */
  said: string;
}

/** The server knows no such session any more: https://modelcontextprotocol.io/specification, Transports, Session Management. */
const SESSION_GONE = 404;
/** The request was looked at and turned away. */
const TURNED_AWAY = [400, 401, 403, 405, 406, 415, 429];
const WANTS_LOGIN = 401;
const NO_LOGIN =
  "HTTP 401: it wants other credentials; set access_token or headers (a login by OAuth is not supported)";
/** There was no connection that could have carried the request. */
const NEVER_CONNECTED = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ENOENT", "EACCES", "UND_ERR_CONNECT_TIMEOUT"];

/** There is no connection, so no call was made. */
export class McpUnreachable extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/** Whatever the SDK, fetch or the system throws. Never throws. */
export function toMcpTrouble(error: unknown): McpTrouble {
  if (error instanceof McpUnreachable) return trouble("unsent", error.reason);
  if (ProtocolError.isInstance(error)) return trouble("answered", `error ${error.code}`, error.message);
  if (SdkHttpError.isInstance(error)) {
    const { status } = error;
    if (status === WANTS_LOGIN) return trouble("unsent", NO_LOGIN);
    return trouble(status === SESSION_GONE || TURNED_AWAY.includes(status) ? "unsent" : "lost", `HTTP ${status}`);
  }
  if (SdkError.isInstance(error)) {
    if (error.code === SdkErrorCode.RequestTimeout) return trouble("late", "no answer in time");
    if (error.code === SdkErrorCode.InvalidResult) return trouble("answered", error.code, "Its answer cannot be read.");
    const unsent = error.code === SdkErrorCode.NotConnected || error.code === SdkErrorCode.NotInitialized;
    return trouble(
      unsent ? "unsent" : "lost",
      systemCode(error.cause) || systemCode(causeIn(error.data)) || error.code,
    );
  }
  const code = systemCode(error);
  return trouble(NEVER_CONNECTED.includes(code) ? "unsent" : "lost", code || "cannot be reached");
}

function trouble(kind: McpTrouble["kind"], reason: string, said = ""): McpTrouble {
  return { kind, reason, said };
}

/** Where the SDK tells what it met while it looked for a version of the protocol. */
function causeIn(data: unknown): unknown {
  return typeof data === "object" && data !== null && "cause" in data ? data.cause : undefined;
}

/** Of the error or what caused it: fetch puts the system's error two levels down. */
function systemCode(error: unknown): string {
  let each = error;
  for (let depth = 0; depth < 4 && each instanceof Error; depth++) {
    if ("code" in each && typeof each.code === "string") return each.code;
    each = each.cause ?? (each instanceof AggregateError ? each.errors[0] : undefined);
  }
  return "";
}
