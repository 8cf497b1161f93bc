import { setImmediate as nextTurn } from "node:timers/promises";
import type { AgentRunner, Clone } from "./agent-runner.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { Message } from "./message.ts";
import { ModuleEvents } from "./module-events.ts";
import type { AgentModule, OutsideLimits } from "./outside-agent.ts";
import { isFinal, type RunEvent } from "./run-event.ts";
import { type Texts, textsFor } from "../texts/texts.ts";

/** After so many events without a pause the process looks after everything else. */
const EVENTS_A_TURN = 64;

/**
 * Runs agents that are code of the operator's. Whatever the code does, throws or yields, its run keeps the contract of
 * a runner and ends within its time; code that never lets go of the process cannot be ended.
 */
export function createModuleRunner(clock: Clock = systemClock): AgentRunner {
  return {
    run(clone, signal) {
      const { outside } = clone.card;
      if (!outside || !("module" in outside)) throw new Error(`${clone.card.name} is no agent of code`);
      return joinAndRun(outside.module, clone, outside.limits, signal, clock);
    },
  };
}

async function* joinAndRun(
  module: AgentModule,
  clone: Clone,
  limits: OutsideLimits,
  outer: AbortSignal,
  clock: Clock,
): AsyncGenerator<RunEvent> {
  const texts = textsFor(clone.language);
  const events = new ModuleEvents(texts, clock);
  const controller = new AbortController();
  const forward = () => controller.abort(outer.reason);
  outer.addEventListener("abort", forward, { once: true });
  if (outer.aborted) forward();
  try {
    const joined = clone.kept.filter(({ role }) => role === "user");
    for (const { message, messageId } of outer.aborted ? [] : await clone.steer()) {
      joined.push(message);
      yield { type: "message.completed", message, messageId };
    }
    yield* runModule(module, own(clone, joined), limits, { events, texts, clock, controller });
  } catch (cause) {
    yield* events.fail("agent_failed", texts.agentBroken, cause);
  } finally {
    outer.removeEventListener("abort", forward);
    controller.abort();
  }
}

interface Running {
  events: ModuleEvents;
  texts: Texts;
  clock: Clock;
  controller: AbortController;
}

async function* runModule(
  module: AgentModule,
  clone: Clone,
  { firstMs, idleMs }: OutsideLimits,
  { events, texts, clock, controller }: Running,
): AsyncGenerator<RunEvent> {
  const { signal } = controller;
  let iterator: AsyncIterator<unknown> | null = null;
  try {
    iterator = module(clone, signal)[Symbol.asyncIterator]();
    for (let count = 0, over = false; !over; count++) {
      if (count % EVENTS_A_TURN === EVENTS_A_TURN - 1) await nextTurn();
      const next = await within(iterator, count === 0 ? firstMs : idleMs, signal, clock);
      for (const event of read(next, count === 0, events, texts)) {
        over ||= isFinal(event);
        yield event;
        if (over) break;
      }
    }
  } finally {
    // Nobody waits for it: it may never come back.
    const leave = async () => iterator?.return?.();
    leave().catch(() => undefined);
  }
}

type Next = IteratorResult<unknown> | "late" | "aborted";

function read(next: Next, first: boolean, events: ModuleEvents, texts: Texts): Iterable<RunEvent> {
  if (next === "aborted") return events.end({ type: "run.cancelled", by: "stop" });
  if (next === "late") {
    const code = first ? "model_first_token_timeout" : "model_idle_timeout";
    return events.fail(code, texts.agentTroubles[first ? "never_began" : "fell_silent"] ?? texts.agentBroken, null);
  }
  return next.done ? events.end({ type: "run.completed", stopReason: "stop" }) : events.take(next.value);
}

/** What the module may keep or change is its own; what joined the turn is part of it. */
function own(clone: Clone, joined: readonly Message[]): Clone {
  const { history, turn } = clone;
  return { ...clone, history: structuredClone(history), turn: structuredClone([...turn, ...joined]), kept: [] };
}

async function within(iterator: AsyncIterator<unknown>, ms: number, signal: AbortSignal, clock: Clock): Promise<Next> {
  if (signal.aborted) return "aborted";
  const settled = new AbortController();
  const stop = () => settled.abort();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const step = iterator.next();
    const timeUp = clock.sleep(ms, settled.signal).then((): Next => (settled.signal.aborted ? "aborted" : "late"));
    return await Promise.race([step, timeUp]);
  } finally {
    signal.removeEventListener("abort", stop);
    settled.abort();
  }
}
