import type { Fault, Script } from "./script.ts";

export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface ErrorShape {
  status: number;
  error: { message: string; type: string; code: string | null };
}

/** Shapes of the real API: https://platform.openai.com/docs/guides/error-codes */
const ERRORS: Partial<Record<Fault, ErrorShape>> = {
  "500": { status: 500, error: { message: "The server had an error.", type: "server_error", code: null } },
  "503": { status: 503, error: { message: "The engine is overloaded.", type: "server_error", code: null } },
  "429": { status: 429, error: { message: "Rate limit reached.", type: "requests", code: "rate_limit_exceeded" } },
  quota: {
    status: 429,
    error: { message: "You exceeded your quota.", type: "insufficient_quota", code: "insufficient_quota" },
  },
  "404": {
    status: 404,
    error: { message: "The model does not exist.", type: "invalid_request_error", code: "model_not_found" },
  },
  "bad-request": {
    status: 400,
    error: { message: "Invalid parameter.", type: "invalid_request_error", code: "invalid_value" },
  },
  "no-images": {
    status: 400,
    error: {
      message: "Invalid content type. image_url is only supported by certain models.",
      type: "invalid_request_error",
      code: null,
    },
  },
  "context-too-long": {
    status: 400,
    error: {
      message: "This model's maximum context length is 8192 tokens.",
      type: "invalid_request_error",
      code: "context_length_exceeded",
    },
  },
};

const PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

/** The HTTP error a script asks for, or null. */
export function errorAnswer(script: Script): ErrorAnswer | null {
  const retryAfter = script.retryAfter === undefined ? {} : { "retry-after": String(script.retryAfter) };
  if (script.fault === "html")
    return { status: 502, headers: { "content-type": "text/html", ...retryAfter }, body: PROXY_PAGE };
  const shape = script.fault && ERRORS[script.fault];
  if (!shape) return null;
  return {
    status: shape.status,
    headers: { "content-type": "application/json", ...retryAfter },
    body: JSON.stringify({ error: { param: null, ...shape.error } }),
  };
}

/** Like careless gateways do, it says the key it was given: what arrives at a person or in a log must not. */
export function keyRefusal(authorization: string | undefined): ErrorAnswer {
  const message = `Incorrect API key provided: ${authorization?.replace(/^Bearer /, "") ?? ""}.`;
  const error = { message, type: "invalid_request_error", param: null, code: "invalid_api_key" };
  return { status: 401, headers: { "content-type": "application/json" }, body: JSON.stringify({ error }) };
}

export function badRequest(message: string): ErrorAnswer {
  const error = { message, type: "invalid_request_error", param: null, code: null };
  return { status: 400, headers: { "content-type": "application/json" }, body: JSON.stringify({ error }) };
}
