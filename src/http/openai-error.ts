import type { Problem } from "./problem.ts";

/** https://platform.openai.com/docs/guides/error-codes */
export interface OpenAIError {
  message: string;
  type: string;
  param: string | null;
  code: string;
}

/** A problem as OpenAI's clients read it. It stands within the problem, so both kinds of clients are told. */
export function toOpenAIError({ status, detail, code, errors }: Problem): { error: OpenAIError } {
  const param = errors?.[0]?.field ?? null;
  return { error: { message: detail, type: TYPES[status] ?? (status < 500 ? INVALID : "server_error"), param, code } };
}

const INVALID = "invalid_request_error";
const TYPES: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};
