/** How long an answer may take before it counts as lost. */
const ANSWER_MS = 30_000;

export interface CallOptions {
  body?: object;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Kept going when the page is closed meanwhile. */
  keepalive?: boolean;
  /** Is shown the headers of an answer. */
  onHeaders?: (headers: Headers) => void;
}

/** What the gateway answered instead of doing it (RFC 9457), or `unreachable`: nobody knows whether it was done. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  /** 0 = there was no answer. */
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number | null;

  constructor(status: number, code: string, detail: string, retryAfterMs: number | null = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One call of the gateway's API. Throws `ApiProblem`, and nothing else but what `signal` aborts with. */
export async function callApi<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const { body, headers, signal, keepalive = false, onHeaders } = options;
  const timeout = AbortSignal.timeout(ANSWER_MS);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, {
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      keepalive,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    onHeaders?.(answer.headers);
    text = await answer.text();
  } catch {
    signal?.throwIfAborted();
    throw new ApiProblem(0, "unreachable", "");
  }
  const read = readJson(text);
  if (answer.ok) return read as T;
  const { code, detail } = (read ?? {}) as { code?: string; detail?: string };
  const wait = Number(answer.headers.get("retry-after") ?? Number.NaN);
  throw new ApiProblem(answer.status, code ?? "internal", detail ?? "", Number.isFinite(wait) ? wait * 1_000 : null);
}

function readJson(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
