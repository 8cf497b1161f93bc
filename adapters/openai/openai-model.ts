import { randomUUID } from "node:crypto";
import type { Dispatcher } from "undici";
import type { ModelClient, ModelEvent, ModelFailure, ModelRequest } from "../../src/agent/model-client.ts";
import type { Provider, Quirks } from "../../src/agent/provider.ts";
import { quirksAt } from "../../src/agent/provider-presets.ts";
import type { BodyReader } from "./body-reader.ts";
import { errorCodeOf, FAILURES, failureOfError, redactor } from "./openai-errors.ts";
import { type CallExtra, chatRequest } from "./openai-request.ts";
import { ChatStream } from "./openai-stream.ts";
import { createTransport, type Transport } from "./openai-transport.ts";
import { StreamWatch } from "./stream-watch.ts";

export interface OpenAIModelOptions extends Pick<Provider, "apiKey" | "baseUrl"> {
  /** Left out: none of one's own. */
  headers?: Provider["headers"];
  /** Left out: what is known of the server at that address. */
  quirks?: Quirks;
  /** For requests that name none. */
  model: string;
  /** More fields of each request's body. */
  fields?: Readonly<Record<string, string>>;
  /** The server calls its tools itself and tells of them. */
  foreignTools?: boolean;
  timeouts?: Partial<Timeouts>;
  /** Default: a pool of its own. */
  fetchPool?: Dispatcher;
}

interface Timeouts {
  connectMs: number;
  /** From the finish reason to the end of the stream: usage may come in it. */
  tailMs: number;
  /** For the rest of a finished answer, before its connection is given up. */
  releaseMs: number;
}

export interface OpenAIModel extends ModelClient {
  /** Closes all sockets; streams that still run end as failed. */
  close(): Promise<void>;
}

const TIMEOUTS: Timeouts = { connectMs: 10_000, tailMs: 2000, releaseMs: 1000 };

/** A model behind an OpenAI-compatible chat.completions endpoint. */
export function createOpenAIModel(options: OpenAIModelOptions): OpenAIModel {
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const { apiKey, baseUrl, headers = {}, fetchPool } = options;
  const transport = createTransport({
    apiKey,
    baseUrl,
    headers,
    connectMs: timeouts.connectMs,
    ...(fetchPool && { fetchPool }),
  });
  const asker = new Asker(options, transport, timeouts);
  return {
    stream: (request, signal) => asker.stream(request, signal),
    close: () => transport.close(),
  };
}

class Asker {
  readonly #model: string;
  readonly #transport: Transport;
  readonly #timeouts: Timeouts;
  readonly #fields: Readonly<Record<string, string>>;
  readonly #foreignTools: boolean;
  readonly #redact: (text: string) => string;
  readonly #quirks: Quirks;
  /** Where extras of tool calls come from and may go back to. */
  readonly #origin: string;

  constructor(options: OpenAIModelOptions, transport: Transport, timeouts: Timeouts) {
    const {
      apiKey,
      baseUrl,
      headers = {},
      quirks = quirksAt(baseUrl),
      model,
      fields = {},
      foreignTools = false,
    } = options;
    const { host, pathname } = new URL(baseUrl);
    this.#model = model;
    this.#transport = transport;
    this.#timeouts = timeouts;
    this.#fields = fields;
    this.#foreignTools = foreignTools;
    this.#redact = redactor(apiKey, ...Object.values(headers));
    this.#origin = `${host}${pathname}`;
    this.#quirks = quirks;
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, undefined> {
    if (signal.aborted) {
      yield failed(FAILURES.aborted());
      return;
    }
    const watch = new StreamWatch(signal);
    watch.expect("first_token", request.firstTokenMs);
    const chat = this.#chatStream(request.model ?? this.#model);
    let body: BodyReader | null = null;
    try {
      const headers = this.#quirks.traceContext && request.traceparent ? { traceparent: request.traceparent } : {};
      body = await watch.during(this.#transport.open(this.#chatRequest(request), headers, watch.signal));
      const opened = body;
      // Its end may have come while the answer opened: then the listener below would never hear of it.
      if (watch.ended !== null) throw new Error("ended while opening");
      watch.signal.addEventListener("abort", () => opened.destroy(), { once: true });
      while (!chat.ended && !signal.aborted) {
        for (const event of await this.#read(chat, opened, watch, request.idleMs)) {
          if (signal.aborted) break;
          yield event;
          if (event.type === "finished" || event.type === "failed") return;
        }
      }
      yield failed(FAILURES.aborted());
    } catch (error) {
      yield failed(watchFailure(watch, request) ?? failureOfError(error, this.#redact, Date.now()));
    } finally {
      watch.close();
      if (chat.ended) void body?.release(this.#timeouts.releaseMs);
      else body?.destroy();
    }
  }

  /** One read of the socket. Rejects when the watch ended first, unless the answer was whole by then. */
  async #read(chat: ChatStream, body: BodyReader, watch: StreamWatch, idleMs: number): Promise<ModelEvent[]> {
    const { progress, complete } = chat;
    let bytes: Buffer | null;
    try {
      bytes = await watch.during(body.read());
    } catch (error) {
      if (watch.ended !== null && watch.ended !== "tail") throw error;
      return chat.end(this.#redact(errorCodeOf(error)));
    }
    if (bytes === null) return chat.end();
    const events = chat.push(bytes);
    if (chat.complete) {
      // Once: whatever follows the finish reason, comments too, does not put off the end.
      if (!complete) watch.expect("tail", Math.min(idleMs, this.#timeouts.tailMs));
    } else if (chat.begun && chat.progress > progress) watch.expect("idle", idleMs);
    return events;
  }

  #chatStream(model: string): ChatStream {
    return new ChatStream({
      model,
      newCallId: () => `call_${randomUUID().replaceAll("-", "").slice(0, 24)}`,
      wrapExtra: (fields, reasoning) => ({ origin: this.#origin, model, fields, reasoning }),
      foreignTools: this.#foreignTools,
      redact: this.#redact,
    });
  }

  #chatRequest(request: ModelRequest) {
    const body = chatRequest(request, {
      defaultModel: this.#model,
      quirks: this.#quirks,
      unwrapExtra: (data, model) => {
        const extra = data as (Partial<CallExtra> & { origin?: unknown; model?: unknown }) | null | undefined;
        if (extra?.origin !== this.#origin || extra.model !== model) return null;
        return { fields: extra.fields ?? {}, reasoning: extra.reasoning ?? "" };
      },
    });
    return { ...body, ...this.#fields };
  }
}

function watchFailure(watch: StreamWatch, { firstTokenMs, idleMs }: ModelRequest): ModelFailure | null {
  switch (watch.ended) {
    case "aborted":
      return FAILURES.aborted();
    case "first_token":
      return FAILURES.firstToken(firstTokenMs);
    case "idle":
    case "tail":
      return FAILURES.idle(idleMs);
    case null:
      return null;
    default:
      return watch.ended satisfies never;
  }
}

function failed(failure: ModelFailure): ModelEvent {
  return { type: "failed", failure };
}
