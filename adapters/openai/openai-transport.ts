import { OpenAI } from "openai";
import type { ChatCompletionCreateParamsStreaming } from "openai/resources/chat/completions";
import { Agent, type Dispatcher, request } from "undici";
import { BodyReader, JsonBodyReader, readText } from "./body-reader.ts";
import { normalErrorBody } from "./openai-errors.ts";

export interface TransportOptions {
  /** "" for a server that needs none. */
  apiKey: string;
  baseUrl: string;
  /** They go before those that the SDK sends. */
  headers: Readonly<Record<string, string>>;
  connectMs: number;
  /** Default: a pool of its own, which `close` destroys. */
  fetchPool?: Dispatcher;
}

/** The way to one provider: the SDK builds and signs the request and names its errors, undici carries it. */
export interface Transport {
  /** Resolves at the headers of a good answer; rejects with an SDK error. Never retries. */
  open(
    body: ChatCompletionCreateParamsStreaming,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<BodyReader>;
  close(): Promise<void>;
}

/** One socket per running stream: above what one process can run at once. */
const CONNECTIONS = 2048;
const KEEP_ALIVE_MS = 30_000;
const ERROR_BODY_BYTES = 64 * 1024;
/** The SDK's own clock is off: the caller's signal ends every wait. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;
const KEPT_HEADERS = ["content-type", "x-request-id", "retry-after", "retry-after-ms"];

export function createTransport(options: TransportOptions): Transport {
  const pool = options.fetchPool ?? openPool(options.connectMs);
  /** Bodies travel beside their Response: inside it they would become web streams, which cost half of the CPU. */
  const bodies = new WeakMap<Response, BodyReader>();
  const client = new OpenAI({
    // The SDK cannot be made without a key; where there is none, the header that would carry it is taken out again.
    apiKey: options.apiKey || "none",
    baseURL: options.baseUrl,
    maxRetries: 0,
    timeout: NO_TIMEOUT_MS,
    logLevel: "off",
    // Explicit nulls keep the SDK from reading these from the environment.
    organization: null,
    project: null,
    adminAPIKey: null,
    webhookSecret: null,
    fetch: async (url, init) => {
      const sent = new Headers(init?.headers);
      if (options.apiKey === "") sent.delete("authorization");
      for (const [name, value] of Object.entries(options.headers)) sent.set(name, value);
      const answer = await request(url instanceof Request ? url.url : url, {
        method: "POST",
        headers: Object.fromEntries(sent),
        body: init?.body as string,
        dispatcher: pool,
        signal: init?.signal ?? null,
      });
      const headers = keptHeaders(answer.headers);
      const { statusCode: status, body } = answer;
      if (status < 200 || status > 299) {
        const text = normalErrorBody(await readText(body, ERROR_BODY_BYTES));
        return new Response(text === "" || status === 304 ? null : text, { status, headers });
      }
      const response = new Response(null, { status, headers });
      const json = headers["content-type"]?.includes("application/json") === true;
      bodies.set(response, json ? new JsonBodyReader(body) : new BodyReader(body));
      return response;
    },
  });

  return {
    async open(body, headers, signal) {
      const response = await client.chat.completions.create(body, { headers, signal }).asResponse();
      const reader = bodies.get(response);
      if (!reader) throw new Error("the SDK answered with another response than ours");
      return reader;
    },
    async close() {
      if (!options.fetchPool) await pool.destroy();
    },
  };
}

/** HTTP/1.1 only: a stream's abort then frees exactly its own socket, at once. No timers: the streams have their own. */
export function openPool(connectMs: number): Dispatcher {
  return new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: connectMs },
  });
}

function keptHeaders(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]];
    }),
  );
}
