import type { Args } from "./args.ts";
import type { FakeChannel } from "./channels.ts";

/**
 * What goes wrong with a call. "applied" faults do what was asked first, so that only the answer is lost: the ambiguous
 * case. `stall` never answers; the caller has to give up.
 */
export type FaultKind =
  /** `scope`: what the wait is for; the call's method and conversation by default. */
  | { kind: "429"; retryAfter: number; scope?: "method" | "channel" }
  /** HTTP 200 with `ok: false`, as some methods have it. */
  | { kind: "ratelimited-200"; retryAfter?: number; error?: "ratelimited" | "rate_limited" }
  | { kind: "error"; error: string; applied?: boolean }
  | { kind: "reset-before" }
  | { kind: "reset-after-applying" }
  | { kind: "stall" }
  | { kind: "stall-after-applying" }
  /** An HTML page with this status, 500 by default. */
  | { kind: "html"; status?: number; applied?: boolean }
  /** 200 with a body that is no JSON. */
  | { kind: "garbage"; applied?: boolean }
  /** Applied and answered as usual, but only after `ms`. */
  | { kind: "late"; ms: number };

export type FaultSpec = FaultKind & {
  method?: string;
  channel?: FakeChannel | string;
  /** How many calls it hits; 1 by default, Infinity for all. */
  times?: number;
  when?: (args: Args) => boolean;
};

export interface FaultHandle {
  /** Calls it has hit so far. */
  readonly hits: number;
  /** Calls it will still hit. */
  readonly left: number;
  clear(): void;
}

interface Armed extends FaultHandle {
  spec: FaultSpec;
  hits: number;
  left: number;
}

/** Faults armed for coming calls; the first that fits a call hits it. */
export class Faults {
  #armed: Armed[] = [];

  add(spec: FaultSpec): FaultHandle {
    const armed: Armed = { spec, hits: 0, left: spec.times ?? 1, clear: () => this.#remove(armed) };
    this.#armed.push(armed);
    return armed;
  }

  take(method: string, channel: string | null, args: Args): FaultSpec | undefined {
    const armed = this.#armed.find(({ spec }) => fits(spec, method, channel, args));
    if (armed === undefined) {
      return undefined;
    }
    armed.hits++;
    armed.left--;
    if (armed.left <= 0) {
      this.#remove(armed);
    }
    return armed.spec;
  }

  #remove(armed: Armed): void {
    this.#armed = this.#armed.filter((other) => other !== armed);
  }
}

function fits(spec: FaultSpec, method: string, channel: string | null, args: Args): boolean {
  const wanted = typeof spec.channel === "object" ? spec.channel.id : spec.channel;
  return (
    (spec.method === undefined || spec.method === method) &&
    (wanted === undefined || wanted === channel) &&
    (spec.when === undefined || spec.when(args))
  );
}

/** Whether the call takes effect although its answer is lost or spoiled. */
export function isApplied(fault: FaultKind): boolean {
  switch (fault.kind) {
    case "reset-after-applying":
    case "stall-after-applying":
    case "late":
      return true;
    case "error":
    case "html":
    case "garbage":
      return fault.applied ?? false;
    case "429":
    case "ratelimited-200":
    case "reset-before":
    case "stall":
      return false;
    default:
      return fault satisfies never;
  }
}
