import type { WebClientOptions } from "@slack/web-api";
import { Agent, type Dispatcher } from "undici";
import { rightToCall } from "../../src/platform/right-to-call.ts";
import { TransportFailure } from "./slack-errors.ts";

export interface TransportOptions {
  /** Sockets kept alive per host, which is also the number of calls on the way at once. */
  connections: number;
  /** Calls that may wait for a socket; more are refused. */
  maxQueued: number;
  /** How long a call may take, its wait for a socket included. */
  deadlineMs: number;
}

export interface HttpAnswer {
  status: number;
  statusText: string;
  headers: Readonly<Record<string, string>>;
  text: string;
}

type SlackFetch = NonNullable<WebClientOptions["fetch"]>;
type FetchResponse = Awaited<ReturnType<SlackFetch>>;

/** A page of a thread with all its metadata stays far below this. */
const MAX_ANSWER_BYTES = 20 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5000;
/** These come before there is anybody to send to. */
const NEVER_CONNECTED = new Set(["EAI_AGAIN", "ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT"]);
/** For an answer 429 that does not say how long. */
const DEFAULT_RETRY_AFTER_S = "5";

/**
 * One POST per call over kept-alive sockets, without any retry or redirect. It knows whether a request had begun to be
 * written, and calls wait in its own queue instead of undici's, because one that gives up there would cost a socket later.
 */
export class SlackTransport {
  readonly #agent: Agent;
  readonly #options: TransportOptions;
  readonly #queue = new Set<() => void>();
  #active = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: options.connections,
      // One connection for all streams would make one reset ambiguous for every call.
      allowH2: false,
      keepAliveTimeout: 30_000,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: CONNECT_TIMEOUT_MS, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
    });
  }

  /** Rejects with a `TransportFailure` only; any status is an answer. */
  post(
    url: string | URL,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    const { origin, pathname, search } = new URL(url);
    if (signal?.aborted) return Promise.reject(new TransportFailure("cancelled", false, null, "before the call"));
    if (this.#queue.size >= this.#options.maxQueued) {
      return Promise.reject(new TransportFailure("busy", false, null, `${this.#queue.size} calls wait already`));
    }
    const mayCall = rightToCall();
    return new Promise((resolve, reject) => {
      let state: "queued" | "active" | "settled" = "queued";
      let controller: Dispatcher.DispatchController | null = null;
      let answer: Omit<HttpAnswer, "text"> | null = null;
      let size = 0;
      const chunks: Buffer[] = [];
      const { deadlineMs } = this.#options;

      const settle = (finish: () => void) => {
        if (state === "settled") return;
        if (state === "queued") this.#queue.delete(start);
        else this.#release();
        state = "settled";
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
        finish();
      };
      const fail = (reason: TransportFailure["reason"], detail: string) =>
        settle(() => {
          const sent = controller !== null && !NEVER_CONNECTED.has(detail);
          const failure = new TransportFailure(reason, sent, answer?.status ?? null, detail);
          controller?.abort(failure);
          reject(failure);
        });
      const cancel = () => fail("cancelled", "by the caller");
      const timer = setTimeout(() => fail("deadline", `no answer within ${deadlineMs} ms`), deadlineMs);
      signal?.addEventListener("abort", cancel, { once: true });

      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: (started) => {
          // Called right before the request is written; an abort here keeps it from being written, at the cost of a socket.
          if (state === "active" && !mayCall()) fail("cancelled", "not its time any more");
          if (state === "settled")
            started.abort(new TransportFailure("cancelled", false, null, "before it was written"));
          else controller = started;
        },
        onResponseStart: (_controller, status, given, statusText) => {
          answer = { status, statusText: statusText ?? "", headers: flat(given) };
        },
        onResponseData: (_controller, chunk) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) fail("unreadable", "the answer is too large");
          else chunks.push(chunk);
        },
        onResponseEnd: () => {
          if (!answer) return fail("unreadable", "an end without a beginning");
          const whole = { ...answer, text: Buffer.concat(chunks).toString("utf8") };
          settle(() => resolve(whole));
        },
        onResponseError: (_controller, error) => fail("network", describe(error)),
      };
      const start = () => {
        state = "active";
        this.#active += 1;
        if (!mayCall()) return fail("cancelled", "not its time any more");
        try {
          this.#agent.dispatch({ origin, path: pathname + search, method: "POST", headers, body }, handler);
        } catch (error) {
          fail("network", describe(error));
        }
      };
      if (this.#active < this.#options.connections) start();
      else this.#queue.add(start);
    });
  }

  /** What Slack's client calls with. Whatever is no answer of its API is a failure here, before the client reads it. */
  fetch(ended?: AbortSignal): SlackFetch {
    return async (url, init) => {
      const { body } = init ?? {};
      if (typeof body !== "string") throw new TypeError("Only forms are sent to Slack.");
      const answer = await this.post(url, { ...init?.headers }, body, ended ?? init?.signal);
      if (answer.status === 200 && !answer.text.startsWith("{")) {
        throw new TransportFailure("unreadable", true, 200, "the answer is none of Slack's");
      }
      return toFetchResponse(String(url), answer);
    };
  }

  /** Ends all sockets at once; calls on the way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #release(): void {
    this.#active -= 1;
    const [next] = this.#queue;
    if (!next) return;
    this.#queue.delete(next);
    next();
  }
}

function toFetchResponse(url: string, { status, statusText, headers, text }: HttpAnswer): FetchResponse {
  const given = status === 429 && !/^\d+$/.test(headers["retry-after"] ?? "") ? DEFAULT_RETRY_AFTER_S : null;
  const all = new Map(Object.entries({ ...headers, ...(given === null ? {} : { "retry-after": given }) }));
  return {
    ok: status >= 200 && status < 300,
    status,
    statusText,
    url,
    headers: { get: (name) => all.get(name.toLowerCase()) ?? null, entries: () => all.entries() },
    text: () => Promise.resolve(text),
    json: () => Promise.resolve(JSON.parse(text) as unknown),
    arrayBuffer: () => Promise.resolve(new TextEncoder().encode(text).buffer),
  };
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}

/** Node's and undici's codes say more than their messages, which may hold an address. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
