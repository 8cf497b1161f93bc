import type { ModelClient } from "./model-client.ts";

/** Of a model of which nobody has said it: what models of 2026 for everyday work hold at least. */
const USUAL_TOKENS = 128_000;

/** What one request to a model may hold, its answer included, in tokens; `model` as in a request. */
export function contextTokens(client: ModelClient, model: string | null): number {
  return client.contextTokens?.(model) ?? USUAL_TOKENS;
}
