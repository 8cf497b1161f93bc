import type { ApiClient } from "./api-client.ts";

const OUTCOMES = ["shown", "dropped"];

/** What the words behind `deliveries` ask for; null = they cannot be understood. */
export function readDeliveryChange(
  words: readonly string[],
  evenIfShown: boolean,
): ((client: ApiClient) => Promise<string>) | null {
  const [verb, post = "", outcome, ...more] = words;
  const path = `/v1/deliveries/${encodeURIComponent(post)}`;
  if (post === "" || more.length > 0) return null;
  if (verb === "retry" && outcome === undefined) {
    return async (client) => {
      await client.post(`${path}/retry`, { even_if_shown: evenIfShown });
      return "It is posted as soon as its chat allows.\n";
    };
  }
  if (verb !== "resolve" || evenIfShown || outcome === undefined || !OUTCOMES.includes(outcome)) return null;
  return async (client) => {
    await client.post(`${path}/resolve`, { outcome });
    return "It is off the list.\n";
  };
}
