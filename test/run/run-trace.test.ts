import { expect, it } from "vitest";
import { RunTrace, type RunTraceOptions } from "../../src/run/run-trace.ts";

const CLAIMED = {
  trace: "4bf92f3577b34da6a3ce929d0e0e4736",
  session: "ses_1",
  id: "run_1",
  agent: "demo",
  target: null,
  queuedMs: 1_000,
  user: "usr_1",
  attempt: 1,
  turn: [],
} as unknown as RunTraceOptions["claimed"];

it("tells of each span once that it has ended, also of a run that is over before anybody looks", () => {
  const trace = new RunTrace({
    claimed: CLAIMED,
    content: null,
    resolve: (name) => ({ provider: "", model: name }),
    now: () => 2_000,
  });
  trace.begin({ name: "demo", model: null }, []);
  trace.end({ type: "run.completed" } as never, [], 0);
  const spans = trace.drain();
  const ended = spans.filter(({ endMs }) => endMs !== null).map(({ spanId }) => spanId);
  expect(ended.length).toBeGreaterThan(2);
  expect(new Set(ended).size).toBe(ended.length);
});
