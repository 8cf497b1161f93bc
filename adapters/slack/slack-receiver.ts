import type { App, Receiver } from "@slack/bolt";
import { errorCode } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { Accept, Log } from "../../src/platform/platform-adapter.ts";
import { NOTICES } from "./slack-notices.ts";
import { pause } from "../../src/platform/backoff.ts";

/** What Slack brings, by whichever way. */
export interface SlackDelivery {
  kind: "event" | "interaction" | "command";
  body: unknown;
}

type Listen = (
  take: (delivery: SlackDelivery) => Promise<void>,
  signal: AbortSignal,
  working: (works: boolean) => void,
) => Promise<void>;

export interface ReceiverOptions {
  read(delivery: SlackDelivery): Promise<IncomingUpdate>;
  /** Socket Mode's way in, until the abort; null = over HTTP, where Slack calls. */
  listen: Listen | null;
  /** Rejects `unauthorized` when the token does not work any more. */
  checkToken(signal: AbortSignal): Promise<void>;
  log: Log;
  checkEveryMs?: number;
}

const CHECK_EVERY_MS = 5 * 60_000;

/**
 * Bolt's receiver, in the order this product needs: verified by the way in, stored through `accept`, then acknowledged.
 * Bolt's App would acknowledge an event before any listener had seen it, and drop what it cannot classify or authorise,
 * so nothing that must not be lost goes through it; its listeners get notices, after these are stored.
 */
export class SlackReceiver implements Receiver {
  readonly #options: ReceiverOptions;
  #app: App | null = null;
  #doubt = new AbortController();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  init(app: App): void {
    this.#app = app;
  }

  /** Takes in until the abort. Rejects `unauthorized`. */
  async start(accept: Accept, signal: AbortSignal, working: (works: boolean) => void = () => undefined): Promise<void> {
    if (signal.aborted) return;
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const { listen } = this.#options;
    const works = [this.#watchToken(until)];
    if (listen) works.push(listen((delivery) => this.take(delivery, accept), until, working));
    const results = await Promise.allSettled(works.map((work) => work.finally(() => over.abort())));
    const failed = results.find((it) => it.status === "rejected");
    if (failed && !signal.aborted) throw failed.reason;
  }

  /** What runs is ended by the signal it was started with. */
  async stop(): Promise<void> {}

  /** Resolves once it is stored: only then may it be acknowledged. */
  async take(delivery: SlackDelivery, accept: Accept): Promise<void> {
    await accept(await this.#options.read(delivery));
    if (delivery.kind !== "event") return;
    this.#notify(delivery.body);
    if (typeIn(delivery.body) === "app_rate_limited") {
      this.#options.log.error({}, "Slack drops events: the workspace has more than 30,000 an hour for this app");
    }
  }

  /** The bot's token may have been revoked: it is looked at now. */
  doubtToken(): void {
    this.#doubt.abort();
  }

  #notify(body: unknown): void {
    if (!isNotice(body)) return;
    this.#app?.processEvent({ body, ack: async () => {} }).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, "a notice of Slack had no effect");
    });
  }

  async #watchToken(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#options.checkEveryMs ?? CHECK_EVERY_MS, AbortSignal.any([signal, this.#doubt.signal]));
      if (signal.aborted) return;
      this.#doubt = new AbortController();
      try {
        await this.#options.checkToken(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (errorCode(error) === "unauthorized") throw error;
        this.#options.log.warn({ err: error }, "Slack could not be asked whether the token still works");
      }
    }
  }
}

function typeIn(body: unknown): unknown {
  return typeof body === "object" && body !== null && "type" in body ? body.type : undefined;
}

function isNotice(body: unknown): body is { event: { type: string } } {
  if (typeof body !== "object" || body === null || !("event" in body)) return false;
  const { event } = body;
  if (typeof event !== "object" || event === null || !("type" in event)) return false;
  return typeof event.type === "string" && NOTICES.has(event.type);
}
