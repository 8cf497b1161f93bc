import { EndpointReader } from "./read-endpoint.ts";
import { type ModelFacts, OWN_PROVIDER, type Provider, type Quirks } from "./provider.ts";
import { PRESETS, presetAt, quirksAt } from "./provider-presets.ts";

/** Where keys come from. */
export interface ProviderSources {
  /** A variable of the environment; undefined = not set. */
  lookup: (name: string) => string | undefined;
  /** The one that the `OPENAI_*` settings make; null = they make none. */
  readonly own: { apiKey: string; baseUrl: string } | null;
  /** How often keys have changed: then all are read again. Left out: they never do. */
  changes?: () => number;
}

const FIELDS = ["preset", "base_url", "key", "headers", "quirks", "models", "concurrency"];
/** With a point behind it, it stands before a model's name. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;
const MAX_CONCURRENCY = 10_000;
const MAX_TOKENS = 100_000_000;
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isCount = (max: number) => (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max;
const isOneOf = (choices: readonly string[]) => (value: unknown) => choices.some((choice) => choice === value);

/** By its name in the file: what it may be, and where it goes. */
const QUIRKS: Readonly<Record<string, { to: keyof Quirks; fits: (value: unknown) => boolean; expected: string }>> = {
  limit_field: {
    to: "limitField",
    fits: isOneOf(["max_tokens", "max_completion_tokens"]),
    expected: "max_tokens or max_completion_tokens",
  },
  stream_usage: { to: "streamUsage", fits: isFlag, expected: "true or false" },
  more_sampling: { to: "moreSampling", fits: isFlag, expected: "true or false" },
  parallel_tool_calls: { to: "parallelToolCalls", fits: isFlag, expected: "true or false" },
  reasoning: { to: "reasoning", fits: isOneOf(["effort", "object", "none"]), expected: "effort, object or none" },
  trace_context: { to: "traceContext", fits: isFlag, expected: "true or false" },
};
const FACTS: Readonly<Record<string, keyof ModelFacts>> = { context_tokens: "contextTokens", max_output: "maxOutput" };

/** The providers where the file says nothing of them. */
export function ownProvider({ own }: Pick<ProviderSources, "own">): Map<string, Provider> {
  if (own === null) return new Map();
  const rest = { headers: {}, quirks: quirksAt(own.baseUrl), models: new Map(), concurrency: null };
  return new Map([[OWN_PROVIDER, { name: OWN_PROVIDER, ...own, ...rest }]]);
}

/**
 * Reads `providers` of parley.yaml: names, and what is to be known of each. Of the provider `openai` the file says what
 * the `OPENAI_*` settings leave open. Faults are pushed; no value of a variable is part of them.
 */
export function readProviders(written: unknown, sources: ProviderSources, faults: string[]): Map<string, Provider> {
  const providers = ownProvider(sources);
  if (written === null) return providers;
  if (!isMapping(written)) {
    faults.push("providers: must be a mapping of names to providers");
    return providers;
  }
  for (const [name, fields] of Object.entries(written)) {
    const at = `providers.${name}`;
    if (!NAME.test(name)) faults.push(`${at}: must be named by 1–40 letters, digits, "_" or "-", a letter first`);
    else if (fields !== null && !isMapping(fields)) faults.push(`${at}: must be a mapping of fields to values`);
    else providers.set(name, new Reader(at, fields ?? {}, sources, faults).provider(name));
  }
  return providers;
}

class Reader {
  readonly #at: string;
  readonly #fields: Record<string, unknown>;
  readonly #sources: ProviderSources;
  readonly #faults: string[];

  constructor(at: string, fields: Record<string, unknown>, sources: ProviderSources, faults: string[]) {
    this.#at = at;
    this.#fields = fields;
    this.#sources = sources;
    this.#faults = faults;
  }

  provider(name: string): Provider {
    for (const field of Object.keys(this.#fields)) {
      if (!FIELDS.includes(field)) this.#fault(field, `is not a field; remove it (fields: ${FIELDS.join(", ")})`);
    }
    const own = name === OWN_PROVIDER ? this.#sources.own : null;
    const wanted = this.#fields["preset"] ?? (Object.hasOwn(PRESETS, name) ? name : null);
    const named = typeof wanted === "string" && Object.hasOwn(PRESETS, wanted) ? (PRESETS[wanted] ?? null) : null;
    if (wanted !== null && named === null) this.#fault("preset", `must be one of ${Object.keys(PRESETS).join(", ")}`);
    const endpoint = new EndpointReader(this.#fields, this.#sources.lookup, (field, sentence) =>
      this.#fault(field, sentence),
    );
    const baseUrl = endpoint.baseUrl("base_url", own?.baseUrl ?? named?.baseUrl ?? null);
    // `openai` is also what every other server is called that OPENAI_BASE_URL names.
    const preset = name === OWN_PROVIDER && this.#fields["preset"] === undefined ? presetAt(baseUrl) : named;
    const headers = endpoint.headers();
    const authorized = Object.keys(headers).some((header) => /^(authorization|api-key|x-api-key)$/i.test(header));
    const apiKey = endpoint.key(own?.apiKey ?? "", preset?.needsKey === true && !authorized);
    const concurrency = this.#fields["concurrency"] ?? null;
    if (concurrency !== null && !isCount(MAX_CONCURRENCY)(concurrency)) {
      this.#fault("concurrency", `must be a whole number from 1 to ${MAX_CONCURRENCY}`);
    }
    const quirks = { ...(preset?.quirks ?? quirksAt(baseUrl)), ...this.#quirks() };
    return {
      name,
      baseUrl,
      apiKey,
      headers,
      quirks,
      models: this.#models(),
      concurrency: concurrency as number | null,
    };
  }

  #quirks(): Partial<Quirks> {
    const written = this.#fields["quirks"] ?? {};
    if (!isMapping(written)) this.#fault("quirks", "must be a mapping of names to values");
    const quirks: Partial<Record<keyof Quirks, unknown>> = {};
    for (const [name, value] of isMapping(written) ? Object.entries(written) : []) {
      const quirk = Object.hasOwn(QUIRKS, name) ? QUIRKS[name] : undefined;
      if (!quirk) this.#fault(`quirks.${name}`, `is not one; remove it (quirks: ${Object.keys(QUIRKS).join(", ")})`);
      else if (!quirk.fits(value)) this.#fault(`quirks.${name}`, `must be ${quirk.expected}`);
      else quirks[quirk.to] = value;
    }
    return quirks as Partial<Quirks>;
  }

  #models(): Map<string, ModelFacts> {
    const written = this.#fields["models"] ?? {};
    if (!isMapping(written)) this.#fault("models", "must be a mapping of models to what is known of them");
    const models = new Map<string, ModelFacts>();
    for (const [model, known] of isMapping(written) ? Object.entries(written) : []) {
      if (known !== null && !isMapping(known)) this.#fault(`models.${model}`, "must be a mapping of names to numbers");
      const facts: { -readonly [fact in keyof ModelFacts]: ModelFacts[fact] } = {};
      for (const [name, value] of isMapping(known) ? Object.entries(known) : []) {
        const fact = Object.hasOwn(FACTS, name) ? FACTS[name] : undefined;
        const at = `models.${model}.${name}`;
        if (!fact) this.#fault(at, `is not known here; remove it (known: ${Object.keys(FACTS).join(", ")})`);
        else if (!isCount(MAX_TOKENS)(value)) this.#fault(at, "must be a number of tokens of at least 1");
        else facts[fact] = value as number;
      }
      models.set(model, facts);
    }
    return models;
  }

  #fault(field: string, sentence: string): void {
    this.#faults.push(`${this.#at}.${field}: ${sentence}`);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
