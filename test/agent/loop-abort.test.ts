import { describe, expect, test } from "vitest";
import { createNativeRunner } from "../../src/agent/loop.ts";
import type { ModelClient } from "../../src/agent/model-client.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";
import { callTool, failWith, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools, untilAbort } from "../fakes/scripted-tools.ts";
import { manualClock } from "./manual-clock.ts";
import { cloneOf, protocol, runIt } from "./run-it.ts";

/** Runs and aborts when an event of this type was taken, or at once. */
async function stopAt(type: RunEvent["type"] | "start", clone: Parameters<typeof runIt>[0], clock = manualClock()) {
  const controller = new AbortController();
  if (type === "start") controller.abort();
  const on = (event: RunEvent) => {
    if (event.type === type) controller.abort();
  };
  return protocol(await runIt(clone, { signal: controller.signal, clock, on }));
}

const looksAndPays = () => scriptedModel([callTool("look"), callTool("pay")]);

/** Aborts once all tools run, then does `after`. */
async function stopInTools(source: ToolSource, calls: string[], running: Promise<unknown>, after = () => {}) {
  const controller = new AbortController();
  const clock = manualClock();
  const model = scriptedModel(calls.map((tool) => callTool(tool)));
  const events = runIt(cloneOf({ model, tools: source }), { signal: controller.signal, clock });
  await running;
  controller.abort();
  await expect.poll(() => clock.sleeping).toBeGreaterThan(0);
  after();
  clock.advance(5000);
  const lines = protocol(await events);
  expect(clock.sleeping, "timers left").toBe(0);
  return lines.slice(lines.findIndex((line) => line.endsWith("started")));
}

describe("a run that is stopped", () => {
  test("before it starts asks nobody", async () => {
    const model = scriptedModel("Noon.");
    expect(await stopAt("start", cloneOf({ model }))).toEqual(["cancelled"]);
    expect(model.requests).toHaveLength(0);
  });

  test("while the model is silent closes its connection and leaves nothing behind", async () => {
    const silent = hold();
    const model = scriptedModel([silent, "Noon."]);
    const controller = new AbortController();
    const running = runIt(cloneOf({ model }), { signal: controller.signal });
    await silent.reached;
    controller.abort();
    expect(protocol(await running)).toEqual(["step 1", "cancelled"]);
    await expect.poll(() => model.open).toBe(0);
  });

  test("while the model speaks keeps what was said, marked, without its calls", async () => {
    const model = scriptedModel([callTool("look"), "It is n", "oon."]);
    expect(await stopAt("text.delta", cloneOf({ model }))).toEqual([
      "step 1",
      "“It is n”",
      "assistant interrupted: It is n",
      "cancelled",
    ]);
    await expect.poll(() => model.open).toBe(0);
  });

  test("ends at once even if the model client does not notice", async () => {
    const asked = Promise.withResolvers<void>();
    const deaf: ModelClient = {
      // oxlint-disable-next-line require-yield
      async *stream() {
        asked.resolve();
        await new Promise(() => {});
      },
    };
    const controller = new AbortController();
    const running = runIt(cloneOf({ model: deaf }), { signal: controller.signal });
    await asked.promise;
    controller.abort();
    expect(protocol(await running)).toEqual(["step 1", "cancelled"]);
  });

  test("while it waits for a retry waits no longer", async () => {
    const clock = manualClock();
    const model = scriptedModel(failWith("retryable", { retryAfterMs: 30_000 }), "late");
    const lines = await stopAt("notice", cloneOf({ model }), clock);
    expect(lines.at(-1)).toBe("cancelled");
    expect(clock.sleeping).toBe(0);
    expect(model.requests).toHaveLength(1);
  });

  test("after the last word of its answer is completed all the same", async () => {
    expect((await stopAt("message.completed", cloneOf({ model: scriptedModel("Noon.") }))).at(-1)).toBe(
      "completed: stop",
    );
  });

  test("between a step and its tools runs none of them, and each call has its result", async () => {
    const tools = scriptedTools({ look: { answer: "noon" }, pay: { readOnly: false, answer: "paid" } });
    expect((await stopAt("message.completed", cloneOf({ model: looksAndPays(), tools }))).slice(2)).toEqual([
      "tool complete: call_look error: interrupted by the user + call_pay error: interrupted by the user",
      "cancelled",
    ]);
    expect((await stopAt("tool.started", cloneOf({ model: looksAndPays(), tools }))).slice(2)).toEqual([
      "look({}) started",
      "look error: interrupted by the user",
      "tool complete: call_look error: interrupted by the user + call_pay error: interrupted by the user",
      "cancelled",
    ]);
    expect(tools.calls).toEqual([]);
  });
});

describe("tools of a run that is stopped", () => {
  test("that only read are given up at once", async () => {
    const runs = Promise.withResolvers<void>();
    const tools = scriptedTools({ look: { answer: () => (runs.resolve(), new Promise(() => {})) } });
    const controller = new AbortController();
    const clock = manualClock();
    const events = runIt(cloneOf({ model: scriptedModel(callTool("look")), tools }), {
      signal: controller.signal,
      clock,
    });
    await runs.promise;
    controller.abort();
    expect(protocol(await events).slice(-3)).toEqual([
      "look error: interrupted by the user",
      "tool complete: call_look error: interrupted by the user",
      "cancelled",
    ]);
  });

  test("that may have effects are told and waited for, and their real result is recorded", async () => {
    const runs = Promise.withResolvers<void>();
    const paid = Promise.withResolvers<string>();
    const tools = scriptedTools({
      pay: { readOnly: false, answer: () => (runs.resolve(), paid.promise) },
      listen: { readOnly: false, answer: (_args, signal) => untilAbort(signal) },
    });
    expect(await stopInTools(tools, ["pay", "listen"], runs.promise, () => paid.resolve("paid"))).toEqual([
      "pay({}) started",
      "listen({}) started",
      "listen error: stopped",
      "pay ok: paid",
      "tool complete: call_pay ok: paid + call_listen error: stopped",
      "cancelled",
    ]);
  });

  test("that may have effects and do not end in time leave an unknown outcome", async () => {
    const runs = Promise.withResolvers<void>();
    const tools = scriptedTools({ pay: { readOnly: false, answer: () => (runs.resolve(), new Promise(() => {})) } });
    expect(await stopInTools(tools, ["pay"], runs.promise)).toEqual([
      "pay({}) started",
      "pay error: outcome unknown – the call may have taken effect",
      "tool complete: call_pay error: outcome unknown – the call may have taken effect",
      "cancelled",
    ]);
  });
});

describe("a consumer that stops asking", () => {
  test("closes the model's connection", async () => {
    const model = scriptedModel(["It is ", "noon."]);
    for await (const event of createNativeRunner().run(cloneOf({ model }), new AbortController().signal)) {
      if (event.type === "text.delta") break;
    }
    await expect.poll(() => model.open).toBe(0);
  });

  test("aborts the tools that run and starts none that wait", async () => {
    const signals: AbortSignal[] = [];
    const tools = scriptedTools({
      quick: { answer: "ok" },
      slow: { answer: (_args, signal) => (signals.push(signal), new Promise(() => {})) },
    });
    const model = scriptedModel([callTool("quick"), callTool("slow", { n: 1 }, "1"), callTool("slow", { n: 2 }, "2")]);
    const runner = createNativeRunner({ toolConcurrency: 2 });
    for await (const event of runner.run(cloneOf({ model, tools }), new AbortController().signal)) {
      if (event.type === "tool.finished") break;
    }
    expect(signals.length).toBeGreaterThan(0);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect(tools.calls.length).toBe(1 + signals.length);
  });

  test("before the first event leaves nothing running", async () => {
    const model = scriptedModel("Noon.");
    const iterator = createNativeRunner().run(cloneOf({ model }), new AbortController().signal)[Symbol.asyncIterator]();
    await iterator.return?.();
    expect(model.requests).toEqual([]);
  });
});
