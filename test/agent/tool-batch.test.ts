import { expect, test } from "vitest";
import { runBatch } from "../../src/agent/tool-batch.ts";
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
