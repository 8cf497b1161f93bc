import type { AgentRunner, Clone } from "./agent-runner.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { OutsideLimits } from "./outside-agent.ts";
import { type FinalRunEvent, isFinal, type RunEvent } from "./run-event.ts";
import { Slots } from "./slots.ts";
import { type Texts, textsFor } from "../texts/texts.ts";

export interface OutsideRunnerOptions {
  native: AgentRunner;
  remote: AgentRunner;
  module: AgentRunner;
  /** Left out: the system's. */
  clock?: Clock;
  random?: () => number;
  /** An agent is not asked for a while, or has answered again. */
  onRest?: (agent: string, resting: boolean) => void;
}

/** What all runs of one agent on this replica share. */
interface Gate {
  limits: OutsideLimits;
  slots: Slots;
  breaker: CircuitBreaker;
}

/** How an agent does that runs outside of the native loop, on this replica. */
export interface AgentHealth {
  /** Until it is asked again; 0 = it is asked. */
  restsForMs: number;
  running: number;
  waiting: number;
}

export interface OutsideRunner extends AgentRunner {
  /** Null = nobody has asked it yet. */
  health(agent: string): AgentHealth | null;
}

/** How a run ended that tells of its agent's health; whether its time was over. */
const UNHEALTHY: Readonly<Record<string, { slow: boolean }>> = {
  model_unavailable: { slow: false },
  model_truncated: { slow: false },
  model_first_token_timeout: { slow: true },
  model_idle_timeout: { slow: true },
  agent_failed: { slow: false },
  timeout: { slow: true },
};

/**
 * The runner of every agent. Those that run outside of the native loop are given a turn, a time, and a rest after
 * failures: what is wrong with one of them costs its own runs and no others.
 */
export function createAgentRunner(options: OutsideRunnerOptions): OutsideRunner {
  const gates = new Gates(options);
  return {
    health: (agent) => gates.health(agent),
    run(clone, signal) {
      const { outside, off } = clone.card;
      if (off) return refused(textsFor(clone.language));
      if (!outside) return options.native.run(clone, signal);
      const runner = "remote" in outside ? options.remote : options.module;
      return gates.run(runner, clone, outside.limits, signal);
    },
  };
}

class Gates {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onRest: OutsideRunnerOptions["onRest"];
  readonly #gates = new Map<string, Gate>();
  readonly #resting = new Set<string>();

  constructor({ clock = systemClock, random = Math.random, onRest }: OutsideRunnerOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#onRest = onRest;
  }

  async *run(runner: AgentRunner, clone: Clone, limits: OutsideLimits, outer: AbortSignal): AsyncGenerator<RunEvent> {
    const texts = textsFor(clone.language);
    const gate = this.#gateOf(clone.card.name, limits);
    if (gate.breaker.resting) {
      yield rests(texts);
      return;
    }
    const over = new AbortController();
    const late = new AbortController();
    void this.#clock.sleep(limits.totalMs, over.signal).then(() => over.signal.aborted || late.abort());
    const signal = AbortSignal.any([outer, late.signal]);
    let leave: (() => void) | null = null;
    try {
      if (gate.slots.full && !signal.aborted) {
        yield { type: "notice", code: "agent_busy", level: "info", text: "The agent is answering others." };
      }
      leave = await gate.slots.take(signal);
      if (leave)
        yield* this.#within(clone.card.name, gate.breaker, runner.run(clone, signal), texts, () => late.signal.aborted);
      else if (outer.aborted) yield { type: "run.cancelled", by: "stop" };
      else yield late.signal.aborted ? tookTooLong(texts) : full(texts);
    } finally {
      over.abort();
      leave?.();
    }
  }

  health(agent: string): AgentHealth | null {
    const gate = this.#gates.get(agent);
    if (!gate) return null;
    const { breaker, limits, slots } = gate;
    return {
      restsForMs: Math.ceil(breaker.restsForMs),
      running: limits.running - slots.free,
      waiting: slots.waiting,
    };
  }

  /** A run that has its turn. */
  async *#within(
    name: string,
    breaker: CircuitBreaker,
    run: AsyncIterable<RunEvent>,
    texts: Texts,
    isLate: () => boolean,
  ): AsyncGenerator<RunEvent> {
    if (!breaker.admit()) {
      yield rests(texts);
      return;
    }
    let end: FinalRunEvent | null = null;
    try {
      for await (const event of run) {
        // The next one may ask, too: an answer can be long.
        if (event.type === "text.delta") breaker.unknown();
        if (!isFinal(event)) yield event;
        else end = event.type === "run.cancelled" && isLate() ? tookTooLong(texts) : event;
      }
    } finally {
      judge(breaker, end);
      this.#tell(name, breaker.resting, end?.type === "run.completed");
    }
    if (end) yield end;
  }

  /** A rest that is over ends with an answer: until then nobody knows. */
  #tell(agent: string, resting: boolean, answered: boolean): void {
    if (resting === this.#resting.has(agent) || (!resting && !answered)) return;
    if (resting) this.#resting.add(agent);
    else this.#resting.delete(agent);
    this.#onRest?.(agent, resting);
  }

  /** A reload may have changed the limits: those who are in by then leave the old gate. */
  #gateOf(name: string, limits: OutsideLimits): Gate {
    const known = this.#gates.get(name);
    if (known?.limits.running === limits.running && known.limits.waiting === limits.waiting) return known;
    const breaker = known?.breaker ?? new CircuitBreaker(this.#clock, this.#random);
    const gate = { limits, slots: new Slots(limits.running, limits.waiting), breaker };
    this.#gates.set(name, gate);
    return gate;
  }
}

/** Null = its consumer has left. What is wrong with a request says nothing of the agent. */
function judge(breaker: CircuitBreaker, end: FinalRunEvent | null): void {
  if (end?.type === "run.completed") return breaker.succeeded();
  const fault = end?.type === "run.failed" ? UNHEALTHY[end.code] : undefined;
  if (fault) breaker.failed(fault.slow);
  else breaker.unknown();
}

async function* refused(texts: Texts): AsyncGenerator<RunEvent> {
  yield { type: "run.failed", code: "agent_off", message: texts.agentOff };
}

function rests(texts: Texts): RunEvent {
  return { type: "run.failed", code: "agent_rests", message: texts.tryAgainLater(texts.agentRests) };
}

function full(texts: Texts): RunEvent {
  return { type: "run.failed", code: "agent_busy", message: texts.tryAgainLater(texts.agentFull) };
}

function tookTooLong(texts: Texts): FinalRunEvent {
  return { type: "run.failed", code: "timeout", message: texts.tookTooLong };
}
