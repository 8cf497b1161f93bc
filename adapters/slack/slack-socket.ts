import type { SocketModeOptions } from "@slack/socket-mode";
import { errorCode, GatewayError } from "../../src/errors.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";
import { SlackConnection } from "./slack-connection.ts";
import type { SlackDelivery } from "./slack-receiver.ts";
import { Backoff, type BackoffOptions, pause } from "../../src/platform/backoff.ts";

export interface SocketTiming {
  /** From the call for an address to Slack's hello. */
  openMs: number;
  /** A connection that neither pinged nor said anything for this long is a ghost, however open it looks. */
  silenceMs: number;
  /** The second connection is opened this much later, so that the two are not refreshed together. */
  staggerMs: number;
  /** How long a connection that Slack wants renewed still takes in, while its successor opens. */
  lingerMs: number;
  /** For what is being stored when a connection is given up. */
  graceMs: number;
  /** A connection that ended sooner than this was no success. */
  briefMs: number;
  trouble: BackoffOptions;
  /** Slack allows an app ten connections, and forgets lost ones late. */
  crowded: BackoffOptions;
}

export const SOCKET_TIMING: SocketTiming = {
  openMs: 20_000,
  silenceMs: 60_000,
  staggerMs: 10_000,
  lingerMs: 3_000,
  graceMs: 1_000,
  briefMs: 10_000,
  trouble: { firstMs: 500, maxMs: 10_000 },
  crowded: { firstMs: 5_000, maxMs: 30_000 },
};

export interface SocketOptions {
  /** Read for each connection: it may change. */
  readonly appToken: string;
  /** Made for each connection anew: Slack's clients write into them. */
  clientOptions: (ended: AbortSignal) => SocketModeOptions["clientOptions"];
  /** Translates what the opening of a connection threw. */
  toError(thrown: unknown): GatewayError;
  /** Rejects when it is not stored: then it is not acknowledged, and Slack sends it again. */
  take(delivery: SlackDelivery): Promise<void>;
  /** Whether events can come just now: one connection is enough. */
  working?: (works: boolean) => void;
  log: Log;
  timing?: SocketTiming;
}

/** Each event comes to one of them. */
const CONNECTIONS = 2;

type Ending = "aborted" | "lost" | "refreshed" | "silent" | "crowded";

/** Takes in over two connections until the abort, when both are closed. Rejects `unauthorized`. */
export async function runSlackSockets(options: SocketOptions, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const all = AbortSignal.any([signal, over.signal]);
  const open = new Set<number>();
  const slots = Array.from({ length: CONNECTIONS }, async (_, index) => {
    const slot = new Slot(options, index, (isOpen) => {
      if (isOpen) open.add(index);
      else open.delete(index);
      options.working?.(open.size > 0);
    });
    try {
      await pause(index * slot.timing.staggerMs, all);
      await slot.run(all);
    } finally {
      over.abort();
      await slot.settled();
    }
  });
  const results = await Promise.allSettled(slots);
  const failed = results.find((it) => it.status === "rejected");
  if (failed && !signal.aborted) throw failed.reason;
}

/** One of the connections, opened again whenever it ends. */
class Slot {
  readonly timing: SocketTiming;
  readonly #options: SocketOptions;
  readonly #index: number;
  readonly #onChange: (isOpen: boolean) => void;
  /** Connections that are given up and not closed yet. */
  readonly #ending = new Set<Promise<void>>();

  constructor(options: SocketOptions, index: number, onChange: (isOpen: boolean) => void) {
    this.#options = options;
    this.#index = index;
    this.#onChange = onChange;
    this.timing = options.timing ?? SOCKET_TIMING;
  }

  async run(signal: AbortSignal): Promise<void> {
    const trouble = new Backoff(this.timing.trouble);
    const crowded = new Backoff(this.timing.crowded);
    const { log } = this.#options;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        const ending = await this.#live(signal);
        if (ending === "aborted") return;
        // A connection that is renewed goes on until its successor could not be opened.
        if (ending !== "refreshed") this.#onChange(false);
        const lastedMs = performance.now() - startedAt;
        if (lastedMs > this.timing.briefMs) [trouble, crowded].forEach((it) => it.reset());
        const waitMs = ending === "crowded" ? crowded.nextMs() : trouble.nextMs();
        const fields = { slot: this.#index, ending, lastedMs: Math.round(lastedMs), waitMs: Math.round(waitMs) };
        if (ending === "refreshed" && lastedMs > this.timing.briefMs) log.info(fields, "Slack renews a connection");
        else log.warn(fields, "a connection to Slack ended");
        await pause(waitMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (errorCode(error) === "unauthorized") throw error;
        this.#onChange(false);
        const waitMs = (error instanceof GatewayError ? error.retryAfterMs : undefined) ?? trouble.nextMs();
        const fields = { err: error, slot: this.#index, waitMs: Math.round(waitMs) };
        log.warn(fields, "a connection to Slack could not be opened");
        await pause(waitMs, signal);
      }
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#ending);
  }

  /** One connection, until it should be replaced; what it had on its way goes on behind. Rejects if it never opened. */
  async #live(signal: AbortSignal): Promise<Ending> {
    const ended = Promise.withResolvers<Ending>();
    const connection = new SlackConnection(this.#options, {
      take: (delivery) => this.#take(delivery),
      onDisconnect: (reason) => ended.resolve(reason === "too_many_websockets" ? "crowded" : "refreshed"),
    });
    connection.once("disconnected", () => ended.resolve("lost"));
    const onAbort = () => ended.resolve("aborted");
    signal.addEventListener("abort", onAbort, { once: true });
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(timedOut()), this.timing.openMs);
    let watch: NodeJS.Timeout | undefined;
    let isRefreshed = false;
    try {
      const opened = await Promise.race([this.#open(connection), ended.promise, late.promise]);
      clearTimeout(timer);
      if (opened !== "open") return opened;
      this.#onChange(true);
      this.#options.log.info({ slot: this.#index }, "a connection to Slack is open");
      watch = setInterval(() => {
        if (performance.now() - connection.heardAt > this.timing.silenceMs) ended.resolve("silent");
      }, this.timing.silenceMs / 6);
      const ending = await ended.promise;
      isRefreshed = ending === "refreshed";
      return ending;
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      signal.removeEventListener("abort", onAbort);
      this.#end(connection, isRefreshed ? this.timing.lingerMs : 0, signal);
    }
  }

  #end(connection: SlackConnection, lingerMs: number, signal: AbortSignal): void {
    const ending = pause(lingerMs, signal)
      .then(() => connection.end(this.timing.graceMs))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #open(connection: SlackConnection): Promise<"open"> {
    try {
      await connection.open();
      return "open";
    } catch (thrown) {
      throw this.#options.toError(thrown);
    }
  }

  async #take(delivery: SlackDelivery): Promise<boolean> {
    try {
      await this.#options.take(delivery);
      return true;
    } catch (error) {
      this.#options.log.warn({ err: error }, "an event could not be stored; Slack will send it again");
      return false;
    }
  }
}

function timedOut(): GatewayError {
  return new GatewayError("unavailable", "Slack's socket did not open in time.", { delivered: "no" });
}
