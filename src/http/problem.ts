import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifySchemaValidationError } from "fastify";
import { type ErrorCode, errorCode, GatewayError, publicMessage } from "../errors.ts";
import { isForNul } from "../store/json.ts";

/** https://www.rfc-editor.org/rfc/rfc9457, with our `code` and the names of the fields that are wrong. */
export interface Problem {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  errors?: FieldFault[];
  /** Only where the operator has to look into the log. */
  request_id?: string;
}

export interface FieldFault {
  field: string;
  message: string;
}

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

const STATUS: Record<ErrorCode, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  stale: 412,
  too_large: 413,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  cancelled: 503,
};
/** For refusals to wait that do not say how long. */
const RETRY_AFTER_MS = 5_000;
const MAX_FAULTS = 10;
const MAX_NAME = 64;

/** What Fastify itself refuses, in our words: its own texts may repeat what was sent. */
const FASTIFY: Record<string, { status: number; code: ErrorCode; detail: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: "too_large", detail: "The body is too large." },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, code: "invalid", detail: "Send application/json." },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, code: "invalid", detail: "The body is no JSON that is accepted here." },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: "invalid",
    detail: "The body has another length than said.",
  },
  FST_ERR_BAD_URL: { status: 400, code: "invalid", detail: "The address cannot be read." },
  FST_ERR_HANDLER_TIMEOUT: { status: 503, code: "unavailable", detail: "This took too long. Try again." },
};

/** What the client is told about an error. Anything that is no refusal of ours or Fastify's is `internal`. */
export function toProblem(error: unknown, requestId: string): Problem {
  if (error instanceof GatewayError && error.code !== "internal") {
    return problem(STATUS[error.code], error.code, publicMessage(error));
  }
  if (isForNul(error)) return problem(400, "invalid", "The request names something with the character NUL in it.");
  const { code = "", statusCode = 500, validation } = error as Partial<FastifyError>;
  if (validation) {
    const errors = validation.flatMap(toFaults).slice(0, MAX_FAULTS);
    const detail = errors.map(({ field, message }) => `${field} ${message}`).join("; ");
    return { ...problem(400, "invalid", detail), errors };
  }
  const known = FASTIFY[code];
  if (known) return problem(known.status, known.code, known.detail);
  if (code.startsWith("FST_ERR_CTP_") && statusCode < 500) {
    return problem(statusCode, "invalid", "The body cannot be read.");
  }
  return { ...problem(500, errorCode(error), publicMessage(error)), request_id: requestId };
}

/** A refusal in words of one's own. `type` about:blank means that the title is the status's. */
export function problem(status: number, code: ErrorCode, detail: string): Problem {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, code };
}

/** Whole seconds for the header Retry-After; null = the client need not be told. */
export function retryAfterSeconds(status: number, error: unknown): number | null {
  if (status !== 429 && status !== 503) return null;
  const ms = error instanceof GatewayError ? error.retryAfterMs : undefined;
  return Math.max(1, Math.ceil((ms ?? RETRY_AFTER_MS) / 1000));
}

/** The field by its name as the client writes it; never a value. */
function toFaults(fault: FastifySchemaValidationError): FieldFault[] {
  // Said by `additionalProperties` once more.
  if (fault.keyword === "boolean") return [];
  const at = fault.instancePath.split("/").slice(1);
  const named = (names: unknown, message: string): FieldFault[] =>
    (names as string[]).map((name) => ({ field: [...at, name.slice(0, MAX_NAME)].join("."), message }));
  if (fault.keyword === "required") return named(fault.params["requiredProperties"], "is missing");
  if (fault.keyword === "additionalProperties") return named(fault.params["additionalProperties"], "is not known");
  return [{ field: at.join(".") || "body", message: fault.message ?? "is wrong" }];
}
