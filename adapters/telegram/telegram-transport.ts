import { Agent, type Dispatcher } from "undici";
import { rightToCall } from "../../src/platform/right-to-call.ts";
import { TransportFailure } from "./telegram-errors.ts";
import { MultipartForm } from "./multipart-form.ts";

export interface TransportOptions {
  apiRoot: string;
  /** Read at every call: it may change. */
  readonly token: string;
  /** Sockets kept alive, which is also the number of calls on the way at once. */
  connections: number;
  /** Calls that may wait for a socket; more are refused. */
  maxQueued: number;
}

/** The body of a batch of 100 updates stays far below this. */
const MAX_ANSWER_BYTES = 20 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5000;

/**
 * One POST per call over kept-alive sockets, without any retry. It knows whether a request had begun to be written, and
 * calls wait in its own queue instead of undici's, because one that gives up there would cost a socket later.
 */
export class TelegramTransport {
  readonly #agent: Agent;
  readonly #origin: string;
  readonly #root: string;
  readonly #options: TransportOptions;
  readonly #connections: number;
  readonly #maxQueued: number;
  readonly #queue = new Set<() => void>();
  #active = 0;

  constructor(options: TransportOptions) {
    const root = new URL(options.apiRoot);
    this.#origin = root.origin;
    this.#root = root.pathname.replace(/\/+$/, "");
    this.#options = options;
    this.#connections = options.connections;
    this.#maxQueued = options.maxQueued;
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

  /** The parsed JSON body, whatever the HTTP status. Rejects with a `TransportFailure` only. */
  call(method: string, payload: object, deadlineMs: number, signal?: AbortSignal): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(new TransportFailure("cancelled", false, null, "before the call"));
    if (this.#queue.size >= this.#maxQueued) {
      return Promise.reject(new TransportFailure("busy", false, null, `${this.#queue.size} calls wait already`));
    }
    const mayCall = rightToCall();
    return new Promise((resolve, reject) => {
      let state: "queued" | "active" | "settled" = "queued";
      let controller: Dispatcher.DispatchController | null = null;
      let status: number | null = null;
      let size = 0;
      const chunks: Buffer[] = [];

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
          const failure = new TransportFailure(reason, controller !== null, status, detail);
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
        onResponseStart: (_controller, statusCode) => void (status = statusCode),
        onResponseData: (_controller, chunk) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) fail("unreadable", "the answer is too large");
          else chunks.push(chunk);
        },
        onResponseEnd: () => {
          const answer = readJson(chunks);
          if (answer === undefined) fail("unreadable", `the answer with status ${status} is not JSON`);
          else settle(() => resolve(answer));
        },
        onResponseError: (_controller, error) => fail("network", describe(error)),
      };
      const start = () => {
        state = "active";
        this.#active += 1;
        if (!mayCall()) return fail("cancelled", "not its time any more");
        try {
          const form = payload instanceof MultipartForm ? payload : null;
          this.#agent.dispatch(
            {
              origin: this.#origin,
              path: `${this.#root}/bot${this.#options.token}/${method}`,
              method: "POST",
              headers: ["content-type", form?.contentType ?? "application/json"],
              body: form?.toBytes() ?? JSON.stringify(payload),
            },
            handler,
          );
        } catch (error) {
          fail("network", describe(error));
        }
      };
      if (this.#active < this.#connections) start();
      else this.#queue.add(start);
    });
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

function readJson(chunks: Buffer[]): unknown {
  try {
    return JSON.parse((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Node's and undici's codes say more than their messages, which may hold an address. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
