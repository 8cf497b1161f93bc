import { expect, test } from "vitest";
import { faultOfModel, resolveModel } from "../../src/agent/resolve-model.ts";

const providers = new Map([
  ["anthropic", 1],
  ["azure2", 1],
]);

test.each([
  ["gpt-4.1", "openai", "gpt-4.1"],
  ["openai.gpt-5", "openai", "gpt-5"],
  ["generic.llama3.2:3b", "openai", "llama3.2:3b"],
  ["generic.google.gemma", "openai", "google.gemma"],
  ["anthropic.claude-x", "anthropic", "claude-x"],
  ["azure2.gpt-5.1", "azure2", "gpt-5.1"],
  ["azure3.gpt-5.1", "openai", "azure3.gpt-5.1"],
  ["meta-llama/Llama-3.3", "openai", "meta-llama/Llama-3.3"],
  ["openai.", "openai", "openai."],
  [".x", "openai", ".x"],
])("%s is asked of %s as %s", (written, provider, model) => {
  expect(resolveModel(written, providers)).toEqual({ provider, model });
});

test("a first word without a digit that is no provider's is a fault", () => {
  expect(faultOfModel("groq.llama", providers)).toMatch(
    /^there is no provider "groq" \(providers: openai, anthropic, azure2\); /,
  );
  for (const fine of ["openai.groq.llama", "generic.x", "gpt-4.1", "qwen3", "anthropic.x"]) {
    expect(faultOfModel(fine, providers)).toBeNull();
  }
});
