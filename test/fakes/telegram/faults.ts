import type { FakeChat } from "./chats.ts";
import type { Payload } from "./payload.ts";

/**
 * What goes wrong with a call. "applied" faults do what was asked first, so that only the answer is lost: the ambiguous
 * case. `stall` never answers; the caller has to give up.
 */
export type FaultKind =
  | { kind: "429"; retryAfter: number }
  | { kind: "reset-before" }
  | { kind: "reset-after-applying" }
  | { kind: "stall" }
  | { kind: "stall-after-applying" }
  | { kind: "html-502"; applied?: boolean }
  | { kind: "401" }
  | { kind: "status"; status: number; description: string; parameters?: Record<string, number>; applied?: boolean }
  /** 200 with a body that is no JSON. */
  | { kind: "garbage"; applied?: boolean }
  /** Applied and answered as usual, but only after `ms`. */
  | { kind: "late"; ms: number };

export type FaultSpec = FaultKind & {
  method?: string;
  /** A chat or its id. */
  chat?: FakeChat | number;
  /** How many calls it hits; 1 by default, Infinity for all. */
  times?: number;
  when?: (payload: Payload) => boolean;
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

  take(method: string, chat: number | null, payload: Payload): FaultSpec | undefined {
    if (this.#armed.length === 0) {
      return undefined;
    }
    const armed = this.#armed.find(({ spec }) => fits(spec, method, chat, payload));
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

function fits(spec: FaultSpec, method: string, chat: number | null, payload: Payload): boolean {
  const wanted = typeof spec.chat === "object" ? spec.chat.id : spec.chat;
  return (
    (spec.method === undefined || spec.method.toLowerCase() === method.toLowerCase()) &&
    (wanted === undefined || wanted === chat) &&
    (spec.when === undefined || spec.when(payload))
  );
}

/** Whether the call takes effect although its answer is lost or spoiled. */
export function isApplied(fault: FaultKind): boolean {
  switch (fault.kind) {
    case "reset-after-applying":
    case "stall-after-applying":
    case "late":
      return true;
    case "html-502":
    case "status":
    case "garbage":
      return fault.applied ?? false;
    case "429":
    case "reset-before":
    case "stall":
    case "401":
      return false;
    default:
      return fault satisfies never;
  }
}
