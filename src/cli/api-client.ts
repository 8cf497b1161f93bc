import { type ErrorCode, GatewayError } from "../errors.ts";
import { readSse } from "./read-sse.ts";

/** An event of a session by its name in the API, with those of its fields that are shown. */
export interface ApiEvent {
  /** Goes on after this event. */
  id: string;
  event: string;
  data: {
    agent: string;
    run_id?: string | null;
    message_id?: string;
    role?: string;
    text?: string;
    tool?: string;
    args?: string;
    ok?: boolean;
    stop_reason?: string;
    by?: string;
    decision?: string;
    again?: boolean;
    message?: unknown;
    kept?: { role: string; text: string }[];
  };
}

const ANSWER_MS = 30_000;
/** The gateway says something every 15 s; a connection that is silent for longer than this is gone. */
const SILENCE_MS = 45_000;
/** What a proxy says, in words of its own, while the gateway behind it is away. */
const PROXY_REFUSALS = [502, 503, 504];
const CODES = new Set<string>([
  "invalid",
  "unauthorized",
  "forbidden",
  "not_found",
  "conflict",
  "stale",
  "too_large",
  "rate_limited",
  "unavailable",
  "internal",
] satisfies ErrorCode[]);

/** A gateway's API, as the command line uses it. Every refusal is a `GatewayError` whose message is for people. */
export class ApiClient {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor(options: { url: string; key: string; user: string }) {
    this.url = options.url.replace(/\/+$/, "");
    this.#headers = { authorization: `Bearer ${options.key}`, "parley-user": options.user };
    try {
      void new Headers(this.#headers);
    } catch (error) {
      const message = "The key or the user's name has letters that cannot be sent. A user's id (usr_…) always can.";
      throw new GatewayError("invalid", message, { cause: error });
    }
  }

  get<T>(path: string): Promise<T> {
    return this.#json<T>(path, { method: "GET" });
  }

  delete<T>(path: string): Promise<T> {
    return this.#json<T>(path, { method: "DELETE" });
  }

  post<T>(path: string, body: object = {}, headers: Record<string, string> = {}): Promise<T> {
    return this.#json<T>(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  send<T>(method: "PATCH" | "DELETE", path: string, body?: object): Promise<T> {
    const json = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return this.#json<T>(path, { method, ...json });
  }

  /** What is as long as it is; ends when nothing has come for a while. Rejects like the other calls. */
  async download(path: string): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
    const end = new AbortController();
    let silence = setTimeout(() => end.abort(), SILENCE_MS);
    const response = await this.#fetch(path, { signal: end.signal });
    const bytes = watch(response, () => {
      clearTimeout(silence);
      silence = setTimeout(() => end.abort(), SILENCE_MS);
    });
    return (async function* () {
      try {
        yield* bytes;
      } finally {
        clearTimeout(silence);
      }
    })();
  }

  /**
   * The events of a session after `after` ("" = from its beginning), until the connection ends or the abort. `opened`
   * is called once the gateway has agreed. Rejects like the other calls.
   */
  async *events(
    session: string,
    after: string,
    signal: AbortSignal,
    opened: () => void,
  ): AsyncGenerator<ApiEvent, void, undefined> {
    const end = new AbortController();
    const stop = (): void => end.abort();
    signal.addEventListener("abort", stop, { once: true });
    let silence = setTimeout(stop, SILENCE_MS);
    try {
      if (signal.aborted) return;
      const response = await this.#fetch(`/v1/sessions/${encodeURIComponent(session)}/events`, {
        headers: after === "" ? {} : { "last-event-id": after },
        signal: end.signal,
      });
      opened();
      const bytes = watch(response, () => {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE_MS);
      });
      for await (const { id, event, data } of readSse(bytes)) {
        yield { id, event, data: JSON.parse(data) as ApiEvent["data"] };
      }
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      if (!signal.aborted)
        throw new GatewayError("unavailable", "The connection to the gateway broke.", { cause: error });
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
      end.abort();
    }
  }

  async #json<T>(path: string, init: RequestInit): Promise<T> {
    const response = await this.#fetch(path, { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw this.#stranger(error);
    }
  }

  /** A response that is no refusal. */
  async #fetch(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, {
        ...init,
        headers: { ...this.#headers, ...(init.headers as Record<string, string> | undefined) },
        redirect: "manual",
      });
    } catch (error) {
      const message = `No gateway answers at ${this.url}. Start one with: npm start`;
      throw new GatewayError("unavailable", message, { cause: error });
    }
    if (response.ok) return response;
    throw await this.#refusal(response);
  }

  async #refusal(response: Response): Promise<GatewayError> {
    let problem: { code?: unknown; detail?: unknown };
    try {
      problem = (await response.json()) as typeof problem;
    } catch (error) {
      return this.#stranger(error, response.status);
    }
    const { code, detail } = problem;
    if (typeof code !== "string" || !CODES.has(code) || typeof detail !== "string") {
      return this.#stranger(problem, response.status);
    }
    if (code === "unauthorized") return new GatewayError("unauthorized", `The gateway at ${this.url} refuses the key.`);
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    const wait = Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {};
    return new GatewayError(code as ErrorCode, detail, wait);
  }

  #stranger(cause: unknown, status?: number): GatewayError {
    if (status !== undefined && PROXY_REFUSALS.includes(status)) {
      return new GatewayError("unavailable", `The gateway behind ${this.url} does not answer (${status}).`, { cause });
    }
    return new GatewayError("invalid", `What answers at ${this.url} is no Parley gateway.`, { cause });
  }
}

async function* watch(response: Response, heard: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of response.body ?? []) {
    heard();
    yield chunk;
  }
}
