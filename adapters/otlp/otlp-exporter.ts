import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { GatewayError } from "../../src/errors.ts";
import type { Span } from "../../src/observe/span.ts";
import { toOtlpJson } from "./otlp-json.ts";

export interface OtlpOptions {
  /** Without `/v1/traces`. */
  endpoint: string;
  /** Sent with each request, as they are then; may hold secrets. */
  headers: () => Readonly<Record<string, string>>;
  service: string;
  /** So many spans are given up. */
  lost: (count: number, why: unknown) => void;
}

export interface OtlpExporter {
  /** Never waits and never throws. */
  take(spans: Span[]): void;
  /** Sends what waits, within its deadline. */
  close(): Promise<void>;
}

/** Spans that wait; those that come then are lost. */
const MAX_WAITING = 10_000;
const MAX_BATCH = 512;
const BATCH_AFTER_MS = 1_000;
/** As OpenTelemetry's exporters have it by default: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
const DEADLINE_MS = 10_000;
const RETRIES = 4;
const BACKOFF_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
const CLOSE_MS = 5_000;
/** https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const RETRYABLE = new Set([429, 502, 503, 504]);

/** Sends spans to a collector over OTLP/HTTP, in JSON. One request at a time. */
export function createOtlpExporter(options: OtlpOptions): OtlpExporter {
  return new Exporter(options);
}

class Exporter implements OtlpExporter {
  readonly #options: OtlpOptions;
  readonly #url: string;
  readonly #agent = new Agent({ connections: 1, connect: { timeout: DEADLINE_MS } });
  readonly #end = new AbortController();
  #waiting: Span[] = [];
  #sending: Promise<void> | null = null;
  #hurry: () => void = () => undefined;

  constructor(options: OtlpOptions) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
  }

  take(spans: Span[]): void {
    const room = Math.max(0, MAX_WAITING - this.#waiting.length);
    if (spans.length > room) this.#options.lost(spans.length - room, new Error("too many spans wait"));
    this.#waiting.push(...spans.slice(0, room));
    if (this.#waiting.length > 0) this.#sending ??= this.#send().finally(() => (this.#sending = null));
  }

  async close(): Promise<void> {
    this.#hurry();
    const late = setTimeout(() => this.#end.abort(), CLOSE_MS);
    await this.#sending;
    clearTimeout(late);
    if (this.#waiting.length > 0) this.#options.lost(this.#waiting.length, new Error("the gateway ends"));
    await this.#agent.destroy();
  }

  async #send(): Promise<void> {
    const hurry = new Promise<void>((resolve) => (this.#hurry = resolve));
    await Promise.race([hurry, sleep(BATCH_AFTER_MS, undefined, { ref: false })]);
    while (this.#waiting.length > 0 && !this.#end.signal.aborted) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        await this.#sendBatch(JSON.stringify(toOtlpJson(batch, this.#options.service)));
      } catch (error) {
        this.#options.lost(batch.length, error);
      }
    }
  }

  async #sendBatch(body: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      const refusal = await this.#post(body).catch(
        (cause: unknown) => new GatewayError("unavailable", UNREACHED, { cause }),
      );
      if (refusal === null) return;
      const pauseMs = refusal.retryAfterMs ?? BACKOFF_MS * 2 ** tries * (0.5 + Math.random());
      if (refusal.code !== "unavailable" || tries >= RETRIES) throw refusal;
      await sleep(Math.min(pauseMs, MAX_PAUSE_MS), undefined, { signal: this.#end.signal, ref: false });
    }
  }

  /** Null = taken. */
  async #post(body: string): Promise<GatewayError | null> {
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(this.#url, {
      method: "POST",
      headers: { ...this.#options.headers(), "content-type": "application/json" },
      body,
      dispatcher: this.#agent,
      signal: AbortSignal.any([AbortSignal.timeout(DEADLINE_MS), this.#end.signal]),
    });
    await answer.dump();
    if (statusCode >= 200 && statusCode < 300) return null;
    const seconds = Number(headers["retry-after"] ?? Number.NaN);
    const wait = Number.isFinite(seconds) ? { retryAfterMs: seconds * 1_000 } : {};
    const code = RETRYABLE.has(statusCode) ? "unavailable" : "invalid";
    return new GatewayError(code, `The collector answered ${statusCode}.`, wait);
  }
}

const UNREACHED = "The collector cannot be reached.";
