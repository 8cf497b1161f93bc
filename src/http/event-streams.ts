import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { HttpLimits } from "./http-limits.ts";

export interface EventStream {
  /** Aborts when the stream is to end, for whatever reason. */
  readonly signal: AbortSignal;
  end(): void;
  /** Makes room for another one. Again = nothing. */
  release(): void;
}

/** The open event streams of one server: how many there may be, and their end when the server closes. */
export class EventStreams {
  readonly #limits: Pick<HttpLimits, "streams" | "streamsPerUser">;
  readonly #open = new Map<UserId, Set<AbortController>>();
  #count = 0;
  #closed = false;

  constructor(limits: Pick<HttpLimits, "streams" | "streamsPerUser">) {
    this.#limits = limits;
  }

  /** Throws `rate_limited` when this user has too many, `unavailable` when all together do, or the server closes. */
  open(user: UserId): EventStream {
    if (this.#closed) throw new GatewayError("unavailable", "The gateway is closing.");
    const own = this.#open.get(user) ?? new Set();
    if (own.size >= this.#limits.streamsPerUser) {
      throw new GatewayError("rate_limited", "Too many event streams are open for this user.");
    }
    if (this.#count >= this.#limits.streams) throw new GatewayError("unavailable", "Too many event streams are open.");
    const controller = new AbortController();
    this.#open.set(user, own.add(controller));
    this.#count++;
    return {
      signal: controller.signal,
      end: () => controller.abort(),
      release: () => {
        if (!own.delete(controller)) return;
        this.#count--;
        if (own.size === 0) this.#open.delete(user);
      },
    };
  }

  /** Ends this user's: whoever may still listen comes again. */
  endOf(user: UserId): void {
    for (const controller of this.#open.get(user) ?? []) controller.abort();
  }

  /** Ends all; none is opened any more. */
  close(): void {
    this.#closed = true;
    for (const own of this.#open.values()) for (const controller of own) controller.abort();
  }
}
