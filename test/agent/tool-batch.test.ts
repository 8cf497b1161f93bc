import { expect, test } from "vitest";
import { runBatch } from "../../src/agent/tool-batch.ts";
import type { Tool, ToolSource } from "../../src/agent/tool-source.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { manualClock } from "./manual-clock.ts";

test("a batch whose consumer left starts no tool that still waits, even while one that runs ends", async () => {
  const second = Promise.withResolvers<string>();
  const source = scriptedTools({
    first: { answer: "1" },
    second: { answer: () => second.promise },
    third: { answer: "3" },
  });
  const clock = manualClock();
  const tools = new Map((await source.list()).map((tool) => [tool.name, tool]));
  const calls = ["first", "second", "third"].map((tool) => ({ callId: tool, tool, args: "{}" }));
  const { signal } = new AbortController();
  const limits = { inFlight: new Set<string>(), concurrency: 1, graceMs: 5000, toolMs: 60_000, history: () => [] };

  for await (const event of runBatch(calls, { source, tools, ...limits, clock, signal })) {
    if (event.type === "tool.finished") break;
  }
  expect(source.calls.map(({ tool }) => tool)).toEqual(["first", "second"]);
  second.resolve("2");
  await new Promise((resolve) => setImmediate(resolve));
  expect(source.calls.map(({ tool }) => tool)).toEqual(["first", "second"]);
  expect(clock.sleeping, "timers left").toBe(0);
});

const TOOL: Tool = { name: "ask", description: "", schema: {}, readOnly: false, afterCrash: "skip" };
const CALL = { callId: "a", tool: "ask", args: "{}" };
const EVENT = { type: "run.started", agent: "clerk" } as const;

function batch(call: ToolSource["call"], tool: Tool = TOOL, controller = new AbortController()) {
  const clock = manualClock();
  const limits = { inFlight: new Set<string>(), concurrency: 1, graceMs: 5000, toolMs: 60_000, history: () => [] };
  const source = { list: async () => [tool], call };
  const tools = new Map([[tool.name, tool]]);
  return { clock, events: runBatch([CALL], { source, tools, ...limits, clock, signal: controller.signal }) };
}

test("a call that tells of something goes on only when that was taken", async () => {
  const steps: string[] = [];
  const { events } = batch(async (_call, _signal, context) => {
    await context?.report(EVENT);
    steps.push("called on");
    return { ok: true, text: "" };
  });
  for await (const { type } of events) {
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(type);
  }
  expect(steps).toEqual(["tool.started", "run.started", "called on", "tool.finished"]);
});

test("a call that tells of something waits for nobody when its batch was left", async () => {
  const told: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const { events } = batch(async (_call, _signal, context) => {
    await Promise.all([context?.report(EVENT), context?.report(EVENT)]);
    await context?.report(EVENT);
    told.push("all");
    resolve();
    return { ok: true, text: "" };
  });
  for await (const { type } of events) if (type === "run.started") break;
  await promise;
  expect(told).toEqual(["all"]);
});

test("a call has the time of its tool, where that says one", async () => {
  const answered = Promise.withResolvers<void>();
  const { clock, events } = batch(
    async () => {
      await answered.promise;
      return { ok: true, text: "at last" };
    },
    { ...TOOL, maxMs: 90_000 },
  );
  expect((await events.next()).value).toMatchObject({ type: "tool.started" });
  const finished = events.next();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  answered.resolve();
  expect((await finished).value).toMatchObject({ type: "tool.finished", ok: true, text: "at last" });
});
