import { OWN_PROVIDER } from "./provider.ts";

/** fast-agent's names for a server of one's own that speaks OpenAI's API. */
const ALIASES: Readonly<Record<string, string>> = { generic: OWN_PROVIDER };
/** Of names of models, hardly any begins like this: `gpt-4.1` and `llama3.2` have a digit before the point. */
const PROVIDER_LIKE = /^([a-z][a-z_-]*)\.(?=.)/i;

/** The provider and its name of a model, written as `provider.model`; a first word that is no provider's is the model's. */
export function resolveModel(
  written: string,
  providers: ReadonlyMap<string, unknown>,
): { provider: string; model: string } {
  const point = written.indexOf(".");
  const word = written.slice(0, Math.max(point, 0));
  const model = written.slice(point + 1);
  if (word === "" || model === "") return { provider: OWN_PROVIDER, model: written };
  const provider = providers.has(word) ? word : (ALIASES[word] ?? word);
  const isProvider = provider === OWN_PROVIDER || providers.has(provider);
  return isProvider ? { provider, model } : { provider: OWN_PROVIDER, model: written };
}

/** Why nobody can be asked for this model; null = somebody may be. */
export function faultOfModel(written: string, providers: ReadonlyMap<string, unknown>): string | null {
  const { provider, model } = resolveModel(written, providers);
  const word = PROVIDER_LIKE.exec(written)?.[1];
  if (word === undefined || provider !== OWN_PROVIDER || model !== written) return null;
  const names = [...new Set([OWN_PROVIDER, ...providers.keys()])].join(", ");
  return (
    `there is no provider "${word}" (providers: ${names}); ` +
    `add it to providers in parley.yaml, or write ${OWN_PROVIDER}.${written} if that is the model's whole name`
  );
}
