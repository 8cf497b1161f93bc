import * as fc from "fast-check";
import { describe, test } from "vitest";
import { createNativeRunner } from "../../src/agent/loop.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";
import { agentRunnerContract, expectWhole } from "../contract/agent-runner.ts";
import {
  callTool,
  failWith,
  finish,
  hold,
  scriptedModel,
  type ModelStep,
  type StepPart,
} from "../fakes/scripted-model.ts";
import { scriptedTools, untilAbort } from "../fakes/scripted-tools.ts";
import { hurriedClock } from "./manual-clock.ts";
import { card, cloneOf, runIt } from "./run-it.ts";

agentRunnerContract("the native loop", async () => {
  const models: ReturnType<typeof scriptedModel>[] = [];
  const clone = (...steps: ModelStep[]) => {
    const model = scriptedModel(...steps);
    models.push(model);
    return cloneOf({ model, tools: scriptedTools({ look: { answer: "noon" } }) });
  };
  return {
    runner: createNativeRunner(),
    answering: () => clone(["Let me see. ", callTool("look")], ["It is ", "noon."]),
    text: "Let me see. It is noon.",
    stalling: () => clone(["It is n", hold()]),
    failing: () => clone(failWith("refused")),
    open: () => models.reduce((open, model) => open + model.open, 0),
    close: async () => {},
  };
});

describe("whatever model and tools do and whenever it is stopped", () => {
  const part: fc.Arbitrary<string | StepPart> = fc.oneof(
    fc.constantFrom("a", "\n", ""),
    fc
      .record({ tool: fc.constantFrom("look", "pay", "break", "hang", "gone"), id: fc.constantFrom("", "1", "2") })
      .map(({ tool, id }) => callTool(tool, "{}", id)),
    fc
      .constantFrom("retryable", "refused", "context_too_long", "truncated", "aborted")
      .map((kind) => failWith(kind as never)),
    fc.constantFrom("stop", "length", "refusal").map((reason) => finish(reason as never)),
  );
  const steps = fc.array(fc.array(part, { maxLength: 4 }), { maxLength: 5 });
  const tools = scriptedTools({
    look: { answer: "noon" },
    pay: { readOnly: false, answer: "paid" },
    hang: { readOnly: false, answer: (_args, signal) => untilAbort(signal) },
  });
  const source: ToolSource = {
    list: () => tools.list(),
    call: (call, signal) => (call.tool === "break" ? (undefined as never) : tools.call(call, signal)),
  };

  test("the run's events are whole", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: -1, max: 12 }), async (script, stopAt) => {
        const controller = new AbortController();
        let seen = 0;
        const events = await runIt(
          cloneOf({ model: scriptedModel(...script), tools: source, card: { ...card, maxSteps: 4 } }),
          {
            clock: hurriedClock(),
            signal: controller.signal,
            on: () => {
              if (seen++ === stopAt) controller.abort();
            },
          },
        );
        expectWhole(events);
      }),
      { numRuns: 1000 },
    );
  });
});
