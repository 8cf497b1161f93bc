/** A number to reach. Every bound that is given has to hold; those of the floor only where there is one. */
export interface Goal {
  atMost?: number;
  below?: number;
  atLeast?: number;
  /** At most the floor's value and this. */
  floorPlus?: number;
  /** At most the floor's value times this. */
  floorTimes?: number;
}

export type Unit = "ms" | "MB" | "KB" | "/s" | "×" | "";

export interface GoalRow {
  what: string;
  unit: Unit;
  /** Null = for information. */
  goal: Goal | null;
}

/** What is measured, in the order of the report. */
export const GOALS = {
  "model-idle-p50": { what: "update → model request, 20/s, p50", unit: "ms", goal: { floorPlus: 8 } },
  "model-idle-p99": { what: "update → model request, 20/s, p99", unit: "ms", goal: { atMost: 40 } },
  "model-burst-p99": { what: "update → model request, burst of 50, p99", unit: "ms", goal: { atMost: 150 } },
  typing: { what: "update → typing, p50", unit: "ms", goal: { atMost: 50 } },
  "first-text": { what: "first token → first text, p50", unit: "ms", goal: { atMost: 20 } },
  "final-text": { what: "last token → final text, p50", unit: "ms", goal: { atMost: 150 } },
  "burst-final": { what: "burst of 50, answers of 2.2 s: last final", unit: "ms", goal: { atMost: 2600 } },
  "burst-cpu": { what: "CPU per run in the burst", unit: "ms", goal: { atMost: 16, floorTimes: 1.5 } },
  "idle-cpu": { what: "CPU per run, 20/s", unit: "ms", goal: null },
  "memory-idle": { what: "memory, idle", unit: "MB", goal: { atMost: 145 } },
  "memory-burst": { what: "memory, peak in the burst", unit: "MB", goal: { atMost: 180 } },
  "statements-idle": { what: "SQL statements per run, 20/s", unit: "", goal: { atMost: 14 } },
  "statements-burst": { what: "SQL statements per run, burst of 50", unit: "", goal: { atMost: 5 } },
  "embedded-idle": { what: "memory, embedded, idle", unit: "MB", goal: { atMost: 500 } },
  "embedded-burst": { what: "memory, embedded, peak in the burst", unit: "MB", goal: { atMost: 500 } },
  "streams-count": { what: "streams at once, 20 chunks/s each", unit: "", goal: { atLeast: 1000 } },
  "streams-lag": { what: "streams: event loop lag, p99", unit: "ms", goal: { below: 50 } },
  "streams-memory": { what: "streams: memory per run", unit: "KB", goal: { atMost: 250 } },
  "streams-first": { what: "streams: first text late by, p99", unit: "ms", goal: { below: 500 } },
  "streams-early": { what: "streams: calls over a chat's budget", unit: "", goal: { atMost: 0 } },
  "accept-rate": { what: "webhook, open loop of 10 s: stored", unit: "/s", goal: { atLeast: 1500 } },
  "accept-ack": { what: "webhook at 1600/s: acknowledged, p99", unit: "ms", goal: { below: 250 } },
  "accept-quiet": { what: "webhook at 20/s: acknowledged, p99", unit: "ms", goal: { below: 25 } },
  "stop-same": { what: "stop → model aborted, same replica", unit: "ms", goal: { atMost: 200 } },
  "stop-hint": { what: "stop → model aborted, other replica", unit: "ms", goal: { atMost: 200 } },
  "stop-poll": { what: "stop → model aborted, no hint", unit: "ms", goal: { atMost: 1000 } },
  "takeover-other": { what: "kill -9 → whole answer, other replica", unit: "ms", goal: { atMost: 8000 } },
  "takeover-postgres": { what: "restart of the only one → whole answer, Postgres", unit: "ms", goal: { atMost: 5000 } },
  "takeover-embedded": { what: "restart of the only one → whole answer, embedded", unit: "ms", goal: { atMost: 5000 } },
  "window-long": { what: "window of 50 out of 100,000 messages, p95", unit: "ms", goal: { below: 5 } },
  "window-flat": { what: "the same, against 1,000 messages", unit: "×", goal: { atMost: 1.5 } },
  "feedback-week": { what: "thumbs-down of a week out of 100,000 votes, p95", unit: "ms", goal: { below: 50 } },
  "page-paint": { what: "page of 10,000 messages, 5,000 talks: first paint, worst", unit: "ms", goal: { below: 1000 } },
  "page-newest": { what: "page: its newest message is seen, worst", unit: "ms", goal: { below: 1000 } },
  "page-frame": { what: "page: longest frame while scrolling", unit: "ms", goal: { atMost: 100 } },
  "page-frame-p99": { what: "page: frames while scrolling, p99", unit: "ms", goal: null },
  "page-work": {
    what: "page: main thread's CPU for one turn of the wheel, at most",
    unit: "ms",
    goal: { atMost: 100 },
  },
  "page-nodes": { what: "page: nodes in the document at most", unit: "", goal: { below: 2000 } },
  "start-postgres": { what: "start to ready, Postgres", unit: "ms", goal: { below: 1000 } },
  "start-first": { what: "start to ready, embedded, first", unit: "ms", goal: { below: 6000 } },
  "start-again": { what: "start to ready, embedded, again", unit: "ms", goal: { below: 2500 } },
  install: { what: "production install", unit: "MB", goal: { atMost: 120 } },
  replicas: { what: "two replicas against one, 20 slots, answers of 1 s", unit: "×", goal: { atLeast: 1.9 } },
} as const satisfies Record<string, GoalRow>;

export type RowName = keyof typeof GOALS;

/** Null = nothing to judge: no goal, nothing measured, or a goal that needs a floor which was not measured. */
export function isMet(goal: Goal | null, ours: number | null, floor: number | null): boolean | null {
  if (goal === null || ours === null || Number.isNaN(ours)) return null;
  const { atMost, below, atLeast, floorPlus, floorTimes } = goal;
  if (atMost !== undefined && ours > atMost) return false;
  if (below !== undefined && ours >= below) return false;
  if (atLeast !== undefined && ours < atLeast) return false;
  if (floorPlus === undefined && floorTimes === undefined) return true;
  if (floor === null) return null;
  if (floorPlus !== undefined && ours > floor + floorPlus) return false;
  return floorTimes === undefined || ours <= floor * floorTimes;
}

export function describeGoal(goal: Goal | null): string {
  if (goal === null) return "";
  const parts = [
    goal.atMost !== undefined && `≤ ${goal.atMost}`,
    goal.below !== undefined && `< ${goal.below}`,
    goal.atLeast !== undefined && `≥ ${goal.atLeast}`,
    goal.floorPlus !== undefined && `≤ floor + ${goal.floorPlus}`,
    goal.floorTimes !== undefined && `≤ floor × ${goal.floorTimes}`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
