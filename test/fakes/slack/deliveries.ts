import { randomUUID } from "node:crypto";
import type { Changes } from "../telegram/changes.ts";
import type { Timers } from "../telegram/timers.ts";
import type { Json } from "./channels.ts";

export type DeliveryKind = "events_api" | "interactive" | "slash_commands";

/** Something Slack has to tell the app. */
export interface Outgoing {
  readonly kind: DeliveryKind;
  readonly payload: Json;
  /** The event's id, or the trigger's. */
  readonly id: string;
  /** "message", "app_mention", "block_actions", "/parley". */
  readonly type: string;
  /** What the app put into its acknowledgement, if anything. */
  readonly onAnswer?: (body: unknown) => void;
}

/** One try to tell it. */
export interface Delivery {
  readonly id: string;
  readonly kind: DeliveryKind;
  readonly type: string;
  readonly payload: Json;
  /** 0 for the first try. */
  readonly attempt: number;
  readonly at: number;
  /** The socket's number, the URL, or null while there is nowhere to send it. */
  to: number | string | null;
  /** New for every try; null over HTTP. */
  envelopeId: string | null;
  outcome: "pending" | "acknowledged" | "failed";
  reason: string | null;
  /** HTTP status of the answer; 0 = none, or a socket. */
  status: number;
  tookMs: number;
}

export interface Retry {
  num: number;
  reason: string;
}

export interface Result {
  acknowledged: boolean;
  /** Slack's word for the failure. */
  reason?: string;
  noRetry?: boolean;
  status?: number;
  body?: unknown;
}

export type Transport = (outgoing: Outgoing, retry: Retry | null, delivery: Delivery) => Promise<Result>;

export interface Hold {
  /** Sends what was held, in this order (0 = first held); all in order by default. What is not named stays lost. */
  release(order?: "reversed" | readonly number[]): void;
  /** What is kept back, the first one first. */
  readonly held: readonly Outgoing[];
}

interface Options {
  now: () => number;
  changes: Changes;
  timers: Timers;
  /** Before each further try of an event. Interactions and commands get none. */
  retryWaitsMs: readonly number[];
}

/** Tells the app what happened, at least once, in no promised order; tries again until it is acknowledged. */
export class Deliveries {
  readonly tries: Delivery[] = [];
  /** Events nobody acknowledged in all their tries. */
  readonly givenUp: Outgoing[] = [];
  /** ms before each first try. */
  delayMs = 0;
  /** How it is sent; set by the fake. */
  transport: Transport = () => Promise.resolve({ acknowledged: false, reason: "connection_failed" });
  #options: Options;
  #held: Outgoing[] | null = null;
  #open = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Things under way: sent and not acknowledged, or waiting for another try. */
  get open(): number {
    return this.#open;
  }

  send(outgoing: Outgoing): void {
    if (this.#held !== null) {
      this.#held.push(outgoing);
      return;
    }
    void this.#deliver(outgoing);
  }

  /** Sends the first of that id again, beside whatever is under way: a repeat as Slack makes them now and then. */
  repeat(id: string): void {
    const found = this.tries.find((each) => each.id === id);
    if (found === undefined) {
      throw new Error(`nothing was sent with the id ${id}`);
    }
    this.send({ kind: found.kind, payload: found.payload, id, type: found.type });
  }

  /** Keeps everything back from now on. */
  hold(): Hold {
    const held: Outgoing[] = [];
    this.#held = held;
    return {
      held,
      release: (order) => {
        this.#held = null;
        const indexes = Array.isArray(order) ? (order as readonly number[]) : held.map((_, index) => index);
        for (const index of order === "reversed" ? indexes.toReversed() : indexes) {
          const outgoing = held[index];
          if (outgoing === undefined) {
            throw new Error(`only ${held.length} were held`);
          }
          this.send(outgoing);
        }
      },
    };
  }

  async #deliver(outgoing: Outgoing): Promise<void> {
    this.#open++;
    try {
      if (this.delayMs > 0) {
        await this.#pause(this.delayMs);
      }
      await this.#tryUntilAcknowledged(outgoing);
    } finally {
      this.#open--;
      this.#options.changes.notify();
    }
  }

  async #tryUntilAcknowledged(outgoing: Outgoing): Promise<void> {
    const waits = outgoing.kind === "events_api" ? this.#options.retryWaitsMs : [];
    let retry: Retry | null = null;
    for (;;) {
      const result = await this.#try(outgoing, retry);
      if (result.acknowledged) {
        outgoing.onAnswer?.(result.body);
        return;
      }
      const done: number = retry?.num ?? 0;
      const wait = waits[done];
      if (wait === undefined || result.noRetry === true) {
        this.givenUp.push(outgoing);
        return;
      }
      await this.#pause(wait);
      retry = { num: done + 1, reason: result.reason ?? "unknown_error" };
    }
  }

  async #try(outgoing: Outgoing, retry: Retry | null): Promise<Result> {
    const at = this.#options.now();
    const delivery: Delivery = {
      id: outgoing.id,
      kind: outgoing.kind,
      type: outgoing.type,
      payload: outgoing.payload,
      attempt: retry?.num ?? 0,
      at,
      to: null,
      envelopeId: null,
      outcome: "pending",
      reason: null,
      status: 0,
      tookMs: 0,
    };
    this.tries.push(delivery);
    const result = await this.transport(outgoing, retry, delivery);
    delivery.outcome = result.acknowledged ? "acknowledged" : "failed";
    delivery.reason = result.reason ?? null;
    delivery.status = result.status ?? 0;
    delivery.tookMs = this.#options.now() - at;
    this.#options.changes.notify();
    return result;
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options.timers.after(ms, resolve);
    return promise;
  }
}

/** An id that no two deliveries share. */
export function newEnvelopeId(): string {
  return randomUUID();
}
