import type { Quirks } from "./provider.ts";

interface Preset {
  /** Null = everybody has an address of their own. */
  baseUrl: string | null;
  /** Servers that are this one, whatever the operator calls them. */
  hosts: RegExp | null;
  /** Whether it refuses whoever brings none. */
  needsKey: boolean;
  quirks: Quirks;
}

/** Of a server of which nothing is known: what nearly all of them take. */
const USUAL_QUIRKS: Quirks = {
  limitField: "max_tokens",
  streamUsage: true,
  moreSampling: true,
  parallelToolCalls: true,
  reasoning: "effort",
  traceContext: false,
};

/** OpenAI refuses names it does not know. https://platform.openai.com/docs/api-reference/chat/create */
const OPENAI: Quirks = { ...USUAL_QUIRKS, limitField: "max_completion_tokens", moreSampling: false };

/** Providers by the names that people know them by. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  openai: {
    baseUrl: "https://api.openai.com/v1",
    hosts: /(^|\.)openai\.com$/,
    needsKey: true,
    quirks: OPENAI,
  },
  /** https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle: https://<resource>.openai.azure.com/openai/v1 */
  azure: {
    baseUrl: null,
    hosts: /\.(openai\.azure|services\.ai\.azure)\.com$/,
    needsKey: true,
    quirks: OPENAI,
  },
  /** https://docs.anthropic.com/en/api/openai-sdk: `reasoning_effort` is passed over, so it is not sent. */
  anthropic: {
    baseUrl: "https://api.anthropic.com/v1",
    hosts: /(^|\.)anthropic\.com$/,
    needsKey: true,
    quirks: { ...USUAL_QUIRKS, moreSampling: false, reasoning: "none" },
  },
  /** https://ai.google.dev/gemini-api/docs/openai: names that it does not know are an error 400. */
  gemini: {
    baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
    hosts: /^generativelanguage\.googleapis\.com$/,
    needsKey: true,
    quirks: { ...USUAL_QUIRKS, moreSampling: false, parallelToolCalls: false },
  },
  /** https://openrouter.ai/docs/use-cases/reasoning-tokens */
  openrouter: {
    baseUrl: "https://openrouter.ai/api/v1",
    hosts: /(^|\.)openrouter\.ai$/,
    needsKey: true,
    quirks: { ...USUAL_QUIRKS, reasoning: "object" },
  },
  /** https://docs.ollama.com/api/openai-compatibility */
  ollama: {
    baseUrl: "http://127.0.0.1:11434/v1",
    hosts: null,
    needsKey: false,
    quirks: { ...USUAL_QUIRKS, moreSampling: false, parallelToolCalls: false },
  },
  /** https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
  vllm: {
    baseUrl: "http://127.0.0.1:8000/v1",
    hosts: null,
    needsKey: false,
    quirks: USUAL_QUIRKS,
  },
};

/** The preset whose server is at an address; null = it is none of theirs. */
export function presetAt(baseUrl: string): Preset | null {
  const { hostname } = new URL(baseUrl);
  return Object.values(PRESETS).find(({ hosts }) => hosts?.test(hostname)) ?? null;
}

/** What is known of the server at an address. */
export function quirksAt(baseUrl: string): Quirks {
  return presetAt(baseUrl)?.quirks ?? USUAL_QUIRKS;
}
