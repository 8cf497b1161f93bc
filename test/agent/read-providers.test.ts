import { expect, test } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import type { ProviderSources } from "../../src/agent/read-providers.ts";

const KEY = "sk-canary-8d3f";
const SOURCES: ProviderSources = {
  own: { apiKey: "sk-own", baseUrl: "https://api.openai.com/v1" },
  lookup: (name) => ({ ANTHROPIC_API_KEY: KEY, SPACED: "a b" })[name],
};

function read(yaml: string, sources = SOURCES) {
  return readSettings(`providers:\n${yaml}`, sources).providers;
}

function faultsOf(yaml: string): string[] {
  try {
    read(yaml);
    return [];
  } catch (error) {
    return (error as Error).message.split("\n").map((fault) => fault.replace("parley.yaml: providers.", ""));
  }
}

test("three lines are a provider: its name is that of a preset", () => {
  expect(read("  anthropic:\n    key: ${ANTHROPIC_API_KEY}").get("anthropic")).toEqual({
    name: "anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    apiKey: KEY,
    headers: {},
    quirks: {
      limitField: "max_tokens",
      streamUsage: true,
      moreSampling: false,
      parallelToolCalls: true,
      reasoning: "none",
      traceContext: false,
    },
    models: new Map(),
    concurrency: null,
  });
});

test("a provider of one's own says everything itself", () => {
  const yaml = `
  mine:
    base_url: http://10.0.0.7:8080/v1/
    headers: { x-team: chat, authorization: "Token \${ANTHROPIC_API_KEY}" }
    quirks: { limit_field: max_completion_tokens, stream_usage: false, more_sampling: false, reasoning: object, trace_context: true }
    models: { big: { context_tokens: 200000, max_output: 8000 }, small: }
    concurrency: 4`;
  expect(read(yaml).get("mine")).toEqual({
    name: "mine",
    baseUrl: "http://10.0.0.7:8080/v1",
    apiKey: "",
    headers: { "x-team": "chat", authorization: `Token ${KEY}` },
    quirks: {
      limitField: "max_completion_tokens",
      streamUsage: false,
      moreSampling: false,
      parallelToolCalls: true,
      reasoning: "object",
      traceContext: true,
    },
    models: new Map([
      ["big", { contextTokens: 200_000, maxOutput: 8_000 }],
      ["small", {}],
    ]),
    concurrency: 4,
  });
});

test("the OPENAI settings are the provider openai, of which the file may say more", () => {
  expect([...readSettings("", SOURCES).providers.keys()]).toEqual(["openai"]);
  const openai = read("  openai: { models: { m: { context_tokens: 9 } } }").get("openai");
  expect(openai).toMatchObject({ apiKey: "sk-own", baseUrl: "https://api.openai.com/v1" });
  expect(openai?.quirks.limitField).toBe("max_completion_tokens");
  expect(openai?.models.get("m")?.contextTokens).toBe(9);
  const elsewhere = { ...SOURCES, own: { apiKey: "", baseUrl: "http://127.0.0.1:11434/v1" } };
  expect(read("  openai: { concurrency: 2 }", elsewhere).get("openai")).toMatchObject({
    baseUrl: "http://127.0.0.1:11434/v1",
    quirks: { limitField: "max_tokens", moreSampling: true },
    concurrency: 2,
  });
});

test("every preset can be named, and an address of one's own goes before its own", () => {
  const names = ["openai", "azure", "anthropic", "gemini", "openrouter", "ollama", "vllm"];
  const yaml = names.map((name) => {
    return `  my-${name}: { preset: ${name}, base_url: "http://${name}.test/v1", key: "\${ANTHROPIC_API_KEY}" }`;
  });
  const providers = read(yaml.join("\n"));
  for (const name of names) expect(providers.get(`my-${name}`)?.baseUrl).toBe(`http://${name}.test/v1`);
  expect(providers.get("my-azure")?.quirks.limitField).toBe("max_completion_tokens");
});

test("faults name the field and what to do, and hold no value of a variable", () => {
  const faults = faultsOf(`
  azure: { key: "\${ANTHROPIC_API_KEY}" }
  anthropic: { key: sk-written-here }
  gemini: { key: "\${NOT_SET}" }
  openrouter: {}
  a.b: { base_url: http://x }
  one: { base_url: "ftp://x", extra: 1, concurrency: 0, preset: none }
  two: { base_url: http://u:p@x, key: "\${SPACED}", headers: { host: x }, quirks: { odd: 1, reasoning: maybe } }
  three: { base_url: http://x, models: { m: { context_tokens: -1, price: 2 } }, headers: { "a b": c } }
  four: 4`);
  expect(faults).toEqual([
    "azure.base_url: must be the http or https address of its API, without a password, mostly ending in /v1",
    "anthropic.key: must be ${NAME}, the variable of the environment that holds it; no key stands in this file",
    "gemini.key: ${NOT_SET} is not set; set it, or remove this",
    "openrouter.key: is missing; write ${NAME} for a variable that holds it",
    'a.b: must be named by 1–40 letters, digits, "_" or "-", a letter first',
    "one.extra: is not a field; remove it (fields: preset, base_url, key, headers, quirks, models, concurrency)",
    "one.preset: must be one of openai, azure, anthropic, gemini, openrouter, ollama, vllm",
    "one.base_url: must be the http or https address of its API, without a password, mostly ending in /v1",
    "one.concurrency: must be a whole number from 1 to 10000",
    "two.base_url: must be the http or https address of its API, without a password, mostly ending in /v1",
    "two.headers.host: is set by the gateway; remove it",
    "two.key: ${SPACED} holds characters that no key has; copy it again",
    "two.quirks.odd: is not one; remove it (quirks: limit_field, stream_usage, more_sampling, parallel_tool_calls, reasoning, trace_context)",
    "two.quirks.reasoning: must be effort, object or none",
    "three.headers.a b: must be a name and a text that a header can have",
    "three.models.m.context_tokens: must be a number of tokens of at least 1",
    "three.models.m.price: is not known here; remove it (known: context_tokens, max_output)",
    "four: must be a mapping of fields to values",
  ]);
  expect(faults.join()).not.toContain(KEY);
  expect(faults.join()).not.toContain("sk-written-here");
});

test("models of agents must have a provider, wherever it stands in the file", () => {
  const agents = "agents: { a: { fallback: mine.m, models: [mine.m, 'gpt-5?reasoning=low'] } }\n";
  const { agents: set } = readSettings(`${agents}providers: { mine: { base_url: "http://x/v1" } }`);
  expect(set.get("a")).toEqual({
    fallback: { model: "mine.m", sampling: {} },
    models: new Map([
      ["mine.m", { model: "mine.m", sampling: {} }],
      ["gpt-5?reasoning=low", { model: "gpt-5", sampling: { reasoning: "low" } }],
    ]),
  });
  expect(() => readSettings(agents)).toThrow('agents.a.fallback: there is no provider "mine"');
  expect(() => readSettings("agents: { a: { fallback: [], models: m } }")).toThrow(
    "agents.a.models: must be a list of 1 to 20 models",
  );
  expect(() => readSettings("agents: { a: { fallback: 5 } }")).toThrow("a.fallback: must be the name of a model");
});
