import { expect, test } from "vitest";
import type { FieldNotes } from "../../src/agent/card-fields.ts";
import { readModel } from "../../src/agent/read-model.ts";

function read(written: string) {
  const notes: FieldNotes = { faults: [], warnings: [] };
  return { ...readModel(written, notes), ...notes };
}

test.each([
  ["gpt-4.1", "gpt-4.1"],
  [" openai.gpt-5 ", "openai.gpt-5"],
  ["anthropic.claude-x", "anthropic.claude-x"],
  ["meta-llama/Llama-3.3", "meta-llama/Llama-3.3"],
  ["", null],
])("%s is the model %s", (written, model) => {
  expect(read(written)).toEqual({ model, sampling: {}, faults: [], warnings: [] });
});

test("what stands behind the name is sampling", () => {
  expect(read("gpt-5?temperature=0.5&topK=40&reasoning=high")).toEqual({
    model: "gpt-5",
    sampling: { temperature: 0.5, topK: 40, reasoning: "high" },
    faults: [],
    warnings: [],
  });
  expect(read("o3-mini.high")).toMatchObject({ model: "o3-mini", sampling: { reasoning: "high" } });
  expect(read("gpt-5?temperature=hot&reasoning=4096").faults).toEqual([
    "model: temperature: must be a number from 0 to 2",
    "model: reasoning: must be a word like low, medium or high",
  ]);
});

test("OpenAI's other API and a model of another configuration are told", () => {
  expect(read("responses.gpt-5")).toMatchObject({
    model: "openai.gpt-5",
    warnings: ["model: is asked over chat completions, not over the Responses API"],
  });
  expect(read("$models.fast")).toMatchObject({
    model: null,
    warnings: [expect.stringMatching(/^model: "\$models\.fast" stands for .*default model answers$/)],
  });
});
