import { expect, test } from "vitest";
import type { FieldNotes } from "../../src/agent/card-fields.ts";
import { readModel } from "../../src/agent/read-model.ts";

function read(written: string) {
  const notes: FieldNotes = { faults: [], warnings: [] };
  return { ...readModel(written, notes), ...notes };
}

test.each([
  ["gpt-4.1", "gpt-4.1"],
  [" openai.gpt-5 ", "gpt-5"],
  ["generic.llama3.2:3b", "llama3.2:3b"],
  ["generic.openai.gpt-oss-20b", "openai.gpt-oss-20b"],
  ["generic.google.gemma", "google.gemma"],
  ["meta-llama/Llama-3.3", "meta-llama/Llama-3.3"],
  ["", null],
])("%s is asked for as %s", (written, model) => {
  expect(read(written)).toEqual({ model, sampling: {}, faults: [], warnings: [] });
});

test("what stands behind the name is sampling, or not sent", () => {
  expect(read("gpt-5?temperature=0.5&topK=40&reasoning=high")).toEqual({
    model: "gpt-5",
    sampling: { temperature: 0.5, topK: 40 },
    faults: [],
    warnings: [expect.stringMatching(/^model: reasoning: has no effect here/)],
  });
  expect(read("gpt-5?temperature=hot").faults).toEqual(["model: temperature: must be a number from 0 to 2"]);
});

test("another provider, an effort and a model of another configuration are told", () => {
  expect(read("anthropic.claude-x")).toMatchObject({
    model: "anthropic.claude-x",
    warnings: ['model: the provider "anthropic" is not asked; the gateway\'s own is, for "anthropic.claude-x"'],
  });
  expect(read("responses.gpt-5")).toMatchObject({
    model: "gpt-5",
    warnings: ["model: is asked over chat completions, not over the Responses API"],
  });
  expect(read("o3-mini.high")).toMatchObject({
    model: "o3-mini",
    warnings: ['model: "high" (how long the model thinks) is not sent'],
  });
  expect(read("$models.fast")).toMatchObject({
    model: null,
    warnings: [expect.stringMatching(/^model: "\$models\.fast" stands for .*default model answers$/)],
  });
});
