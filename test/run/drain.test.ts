import { describe, expect, it } from "vitest";
import { accountId, newId, newTraceId } from "../../src/ids.ts";
import { burstDelayMs, decideDrain, MAX_CRASHES, STALE_MS } from "../../src/run/drain.ts";
import type { DrainInput, LaneState } from "../../src/store/lanes.ts";

const NOW = 1_000_000;

function input(arrivalNo: number, ageMs: number, more: Partial<DrainInput> = {}): DrainInput {
  return {
    account_id: accountId("telegram", "1"),
    arrival_no: arrivalNo,
    message_id: newId("msg"),
    author: null,
    parts: [{ type: "text", text: `m${arrivalNo}` }],
    language: "",
    receipt: null,
    asks: null,
    key_id: null,
    chat_message_id: String(arrivalNo),
    burst: null,
    received_ms: NOW - ageMs,
    written_ms: NOW - ageMs,
    ...more,
  };
}

function lane(more: Partial<LaneState>): LaneState {
  return {
    session_id: newId("ses"),
    lane: 0,
    lease_no: 1,
    arrivals: 1,
    user_id: newId("usr"),
    agent: "tester",
    model: null,
    on_busy: null,
    answered_by: null,
    stop_through: 0,
    now_ms: NOW,
    place: null,
    run: null,
    compact: null,
    others: 0,
    waiting: [],
    ...more,
  };
}

function run(more: Partial<NonNullable<LaneState["run"]>> = {}): NonNullable<LaneState["run"]> {
  return {
    id: newId("run"),
    trace_id: newTraceId(),
    state: "running",
    asks_until_ms: null,
    agent: "tester",
    asked: null,
    policy: "interrupt",
    language: "",
    attempt: 1,
    crashes: 0,
    handed_over: false,
    stop: false,
    input_through: 1,
    authors: [],
    reply_target: null,
    budget: null,
    alive_ms: NOW - 1_000,
    queued_ms: NOW - 1_000,
    ...more,
  };
}

describe("a drain", () => {
  it("security-22: does not begin a refused run because the process died that was to say so", () => {
    const held = { tokens: 0, micros: 0 };
    const budget = { scopes: [], held, allowed: { tokens: null, micros: null }, refused: "person" } as const;
    const died = run({ budget: { ...budget, scopes: [] } });
    expect(decideDrain(lane({ run: died }), "interrupt")).toEqual({ kind: "resume", end: "over_budget" });
  });

  it("starts a single plain message at once", () => {
    expect(decideDrain(lane({ waiting: [input(1, 0)] }), "interrupt")).toMatchObject({ kind: "start", more: false });
  });

  it.each([
    ["a part of an album", { burst: "album" }, 1_000],
    ["a part of a long paste", { burst: "long" }, 1_500],
    ["a forward", { burst: "forward" }, 1_000],
  ] as const)("waits after %s", (_, more, ms) => {
    expect(burstDelayMs([input(1, 300, more)], NOW)).toBe(ms - 300);
    expect(burstDelayMs([input(1, ms, more)], NOW)).toBe(0);
  });

  it("waits 400 ms after a message that came within a second of another", () => {
    expect(burstDelayMs([input(1, 700), input(2, 100)], NOW)).toBe(300);
    expect(burstDelayMs([input(1, 1_200), input(2, 100)], NOW)).toBe(0);
  });

  it("never waits longer than 7.5 s in all", () => {
    const waiting = Array.from({ length: 20 }, (_, index) => input(index + 1, 7_400 - index * 380));
    expect(burstDelayMs(waiting, NOW)).toBe(100);
    expect(burstDelayMs([input(1, 7_500), ...waiting], NOW)).toBe(0);
  });

  it("withdraws what a stop covers, and starts the rest", () => {
    const decision = decideDrain(lane({ stop_through: 1, waiting: [input(1, 5_000), input(2, 0)] }), "interrupt");
    expect(decision).toMatchObject({ kind: "start", withdrawn: [1], inputs: [{ arrival_no: 2 }] });
    expect(decideDrain(lane({ stop_through: 1, waiting: [input(1, 0)] }), "interrupt")).toEqual({
      kind: "idle",
      withdrawn: [1],
      more: false,
    });
  });

  it("that finds nothing but what a stop covers looks again if it could not see everything", () => {
    const waiting = Array.from({ length: 200 }, (_, index) => input(index + 1, 5_000));
    expect(decideDrain(lane({ stop_through: 200, waiting }), "interrupt")).toMatchObject({ kind: "idle", more: true });
  });
});

describe("a lane whose replica is gone", () => {
  it("goes on with its run", () => {
    expect(decideDrain(lane({ run: run() }), "interrupt")).toEqual({ kind: "resume", end: null });
  });

  it("ends it instead when it was stopped or interrupted meanwhile", () => {
    expect(decideDrain(lane({ run: run(), stop_through: 1 }), "interrupt")).toEqual({ kind: "resume", end: "stop" });
    expect(decideDrain(lane({ run: run(), waiting: [input(2, 0)] }), "interrupt")).toEqual({
      kind: "resume",
      end: "interrupt",
    });
    const queued = decideDrain(lane({ run: run({ policy: "queue" }), waiting: [input(2, 0)] }), "interrupt");
    expect(queued).toEqual({ kind: "resume", end: null });
  });

  it("is interrupted in a group by an author of its turn only", () => {
    const waiting = [input(2, 0, { author: { id: "bob", name: "Bob" } })];
    expect(decideDrain(lane({ run: run({ authors: ["ann"] }), waiting }), "interrupt")).toEqual({
      kind: "resume",
      end: null,
    });
    expect(decideDrain(lane({ run: run({ authors: ["bob"] }), waiting }), "interrupt")).toEqual({
      kind: "resume",
      end: "interrupt",
    });
  });

  it("gives up after crashes, but not after being handed over", () => {
    const crashed = run({ crashes: MAX_CRASHES - 1 });
    expect(decideDrain(lane({ run: crashed }), "interrupt")).toEqual({ kind: "resume", end: "crashed" });
    expect(decideDrain(lane({ run: { ...crashed, handed_over: true } }), "interrupt")).toEqual({
      kind: "resume",
      end: null,
    });
  });

  it("does not go on with a run that has stood still for too long", () => {
    const old = run({ alive_ms: NOW - STALE_MS - 1 });
    expect(decideDrain(lane({ run: old }), "interrupt")).toEqual({ kind: "resume", end: "stale" });
  });
});

describe("where a message names another agent", () => {
  const waiting = [input(1, 9_000), input(2, 8_000), input(3, 7_000, { asks: "poet" }), input(4, 6_000)];

  it("a turn takes what comes before it, and the rest waits", () => {
    const decision = decideDrain(lane({ waiting }), "interrupt");
    expect(decision).toMatchObject({ kind: "start", inputs: waiting.slice(0, 2), more: true });
    expect(decideDrain(lane({ waiting: waiting.slice(2) }), "interrupt")).toMatchObject({
      kind: "start",
      inputs: waiting.slice(2, 3),
      more: true,
    });
  });

  it("nothing from it on interrupts a run that is resumed", () => {
    const resumed = (asked: string | null) =>
      decideDrain(lane({ run: run({ asked, input_through: 2 }), waiting: waiting.slice(2) }), "interrupt");
    expect(resumed(null)).toEqual({ kind: "resume", end: null });
    expect(resumed("poet")).toEqual({ kind: "resume", end: "interrupt" });
  });
});
