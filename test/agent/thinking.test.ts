import { expect, test } from "vitest";
import { callTool, failWith, type ModelStep, scriptedModel, think } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { hurriedClock } from "./manual-clock.ts";
import { cloneOf, runIt } from "./run-it.ts";

/** What is told of a run's thoughts; after each event 100 ms pass. */
async function thoughts(...steps: ModelStep[]) {
  const clock = hurriedClock();
  const model = scriptedModel(...steps);
  const tools = scriptedTools({ look: { answer: "noon" } });
  const events = await runIt(cloneOf({ model, tools }), {
    clock,
    on: () => clock.advance(100),
  });
  const told = events.filter((event) => event.type === "reasoning.delta");
  return { model, events, told: told.map(({ step, text, ms }) => [step, text, ms]) };
}

test("what a model thinks is told as it comes, step by step, and for how long", async () => {
  const { model, events, told } = await thoughts(
    [think("Look "), think("first."), callTool("look")],
    [think("So it is."), "Noon."],
  );
  expect(told).toEqual([
    [1, "Look ", 0],
    [1, "first.", 100],
    [1, "", 200],
    [2, "So it is.", 0],
    [2, "", 100],
  ]);
  // It stands in no message, and no model is sent it.
  expect(JSON.stringify(events.filter(({ type }) => type !== "reasoning.delta"))).not.toMatch(/first\.|So it is/);
  expect(JSON.stringify(model.requests)).not.toContain("first.");
});

test("of a model that thinks at length the beginning is told, in all steps of a run together", async () => {
  const { told } = await thoughts(
    [think("x".repeat(15_000)), callTool("look")],
    [think("y".repeat(15_000)), think("z"), "Noon."],
  );
  expect(told.map(([step, text]) => [step, String(text).length])).toEqual([
    [1, 15_000],
    [1, 0],
    [2, 5_000],
    [2, 0],
  ]);
});

test("a step that is tried again goes on in a paragraph of its own", async () => {
  const { told } = await thoughts([think("One."), failWith("retryable")], [think("Two."), "Noon."]);
  expect(told.map(([, text]) => text).join("")).toBe("One.\n\nTwo.");
});
