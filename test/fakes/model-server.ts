import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { chatRequestFault } from "./model/check-chat-request.ts";
import { planStream, type StreamPlan } from "./model/frames.ts";
import { badRequest, type ErrorAnswer, errorAnswer, keyRefusal } from "./model/http-errors.ts";
import { epochNow, Exchange, type JournalEntry } from "./model/journal.ts";
import { playStream } from "./model/play-stream.ts";
import { contentText, defaultText, hasQuirk, type Script } from "./model/script.ts";
import { readRecording, type SentRecording } from "./model/transcriptions.ts";
import { TimerWheel } from "./model/timer-wheel.ts";

/** What the server does where a script says nothing. */
export interface FakeModelOptions {
  /** Default: any free one. */
  port?: number;
  /** If given, any other key is refused with 401. */
  apiKey?: string;
  /** Numbered words that follow the quote in the default answer. */
  words?: number;
  chunkChars?: number;
  ttftMs?: number;
  chunkEveryMs?: number;
  /** What is said in a recording; another answer comes instead. */
  hears?: string | { status: number; body?: string };
}

export type ScriptRule = (request: JournalEntry) => Script | undefined;

export interface FakeModel {
  /** The base URL, ending in /v1. */
  readonly url: string;
  /** In order of arrival. */
  readonly requests: readonly JournalEntry[];
  /** What came to be transcribed. */
  readonly recordings: readonly SentRecording[];
  /** Newest rule first; the first that answers wins. Returns how to take it back. */
  script(rule: ScriptRule): () => void;
  /** Resolves once the condition holds; rejects with the journal's summary after `timeoutMs`. */
  until(condition: () => boolean, timeoutMs?: number): Promise<void>;
  /** Any other key is refused from now on. */
  changeKey(key: string): void;
  /** Empties the journal, for long measurements. */
  forget(): void;
  close(): Promise<void>;
}

const PLAN_CACHE = 64;

/**
 * An OpenAI-compatible chat.completions server on loopback: streams only, strict about what it is sent, with scripted
 * timing, provider quirks and faults.
 */
export async function startFakeModel(options: FakeModelOptions = {}): Promise<FakeModel> {
  let arrived = 0;
  let { apiKey } = options;
  const journal: Exchange[] = [];
  const recordings: SentRecording[] = [];
  const rules: ScriptRule[] = [];
  const plans = new Map<string, StreamPlan>();
  const wheel = new TimerWheel();
  const server = createServer({ noDelay: true }, (request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = epochNow();
    const key = request.headers.authorization;
    const keyOk = apiKey === undefined ? /^Bearer \S+/.test(key ?? "") : key === `Bearer ${apiKey}`;
    if (request.method === "GET" && request.url === "/v1/models") return models(response);
    if (request.method === "POST" && request.url === "/v1/audio/transcriptions") {
      return keyOk ? transcribe(request, response) : refuse(response, keyRefusal(key));
    }
    if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
      return refuse(response, { ...badRequest("unknown route"), status: 404 });
    }
    const body = await readJson(request);
    if (!body) return refuse(response, badRequest("the body is not JSON"));
    const exchange = new Exchange(arrived++, at, body, keyOk);
    exchange.watch(response);
    journal.push(exchange);
    if (!keyOk) return refuse(response, keyRefusal(key));
    const fault = chatRequestFault(body);
    if (fault !== null) return refuse(response, badRequest(fault));
    answer(exchange, key, response);
  }

  async function transcribe(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const recording = await readRecording(request);
    if ("body" in recording) return refuse(response, recording);
    recordings.push(recording);
    const { hears = "" } = options;
    if (typeof hears !== "string") return refuse(response, { ...badRequest("no"), ...hears });
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ text: hears }));
  }

  function answer(exchange: Exchange, key: string | undefined, response: ServerResponse): void {
    const script = scriptFor(exchange);
    const error = script.fault === "401" ? keyRefusal(key) : errorAnswer(script);
    if (error) return refuse(response, error);
    if (script.fault === "no-headers") return;
    if (script.fault === "hang-up") {
      exchange.close("server");
      response.socket?.resetAndDestroy();
      return;
    }
    exchange.text = script.text ?? "";
    const pace = {
      ttftMs: script.ttftMs ?? options.ttftMs ?? 0,
      // Cuts inside characters show only when each piece is a write of its own.
      chunkEveryMs: script.chunkEveryMs ?? options.chunkEveryMs ?? (hasQuirk(script, "split-utf8") ? 4 : 0),
    };
    playStream(planFor(script, exchange), pace, exchange, response, wheel);
  }

  function scriptFor(exchange: Exchange): Script {
    const ruled = rules.reduce<Script | undefined>((found, rule) => found ?? rule(exchange), undefined) ?? {};
    const silent = (ruled.toolCalls?.length ?? 0) > 0 || ruled.fault === "empty";
    const text = ruled.text ?? (silent ? "" : defaultText(exchange.messages, options.words ?? 20));
    return { ...ruled, text, chunkChars: ruled.chunkChars ?? options.chunkChars ?? 4 };
  }

  /** Bursts ask for the same answer many times: it is serialised once. */
  function planFor(script: Script, exchange: Exchange): StreamPlan {
    const streamOptions = exchange.body["stream_options"] as { include_usage?: boolean } | undefined;
    const context = {
      model: exchange.model,
      includeUsage: streamOptions?.include_usage === true,
      inputTokens: Math.ceil(exchange.messages.reduce((sum, message) => sum + contentText(message).length, 0) / 4),
    };
    const key = JSON.stringify([script, context]);
    const known = plans.get(key);
    if (known) return known;
    const plan = planStream(script, context);
    const oldest = plans.keys().next();
    if (plans.size >= PLAN_CACHE && !oldest.done) plans.delete(oldest.value);
    plans.set(key, plan);
    return plan;
  }

  async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline)
        throw new Error(`fake model: condition not met in ${timeoutMs} ms\n${summary()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  function summary(): string {
    const lines = journal.map((entry) => {
      const said = contentText(entry.messages.at(-1)).slice(0, 60);
      return `#${entry.n} ${JSON.stringify(said)} sent ${entry.sentChars} characters, closed by ${entry.closedBy ?? "nobody"}`;
    });
    return lines.slice(-20).join("\n") || "no request came";
  }

  return {
    url,
    requests: journal,
    recordings,
    script(rule) {
      rules.unshift(rule);
      return () => void rules.splice(rules.indexOf(rule), 1);
    },
    until,
    changeKey: (key) => void (apiKey = key),
    forget: () => void journal.splice(0),
    async close() {
      wheel.close();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function refuse(response: ServerResponse, answer: ErrorAnswer): void {
  response.writeHead(answer.status, answer.headers).end(answer.body);
}

function models(response: ServerResponse): void {
  const data = [{ id: "fake-model", object: "model", created: 1_700_000_000, owned_by: "fake" }];
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ object: "list", data }));
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown> | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return typeof body === "object" && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
