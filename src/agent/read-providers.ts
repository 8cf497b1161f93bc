import { type ModelFacts, OWN_PROVIDER, type Provider, type Quirks } from "./provider.ts";
import { PRESETS, presetAt, quirksAt } from "./provider-presets.ts";

/** Where keys come from. */
export interface ProviderSources {
  /** A variable of the environment; undefined = not set. */
  lookup: (name: string) => string | undefined;
  /** The one that the `OPENAI_*` settings make; null = they make none. */
  own: { apiKey: string; baseUrl: string } | null;
}

const FIELDS = ["preset", "base_url", "key", "headers", "quirks", "models", "concurrency"];
/** With a point behind it, it stands before a model's name. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;
const VARIABLE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const MAX_CONCURRENCY = 10_000;
const MAX_TOKENS = 100_000_000;
/** Visible ASCII: what a key in a header may be. */
const KEY = /^[\x21-\x7e]+$/;
/** RFC 9110, section 5. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** They say how a request is carried, which is the gateway's affair. RFC 9110, section 7.6.1 */
const OWN_HEADERS =
  /^(host|content-(length|type|encoding)|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|accept-encoding)$/i;

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
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
    const baseUrl = this.#baseUrl(own?.baseUrl ?? named?.baseUrl ?? null);
    // `openai` is also what every other server is called that OPENAI_BASE_URL names.
    const preset = name === OWN_PROVIDER && this.#fields["preset"] === undefined ? presetAt(baseUrl) : named;
    const headers = this.#headers();
    const authorized = Object.keys(headers).some((header) => /^(authorization|api-key|x-api-key)$/i.test(header));
    const apiKey = this.#key(own?.apiKey ?? "", preset?.needsKey === true && !authorized);
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

  /** An address all the same when there is none: then that is a fault. */
  #baseUrl(usual: string | null): string {
    const written = this.#fields["base_url"] ?? usual;
    if (isText(written) && URL.canParse(written)) {
      const { protocol, username, password, search, hash } = new URL(written);
      const plain = username === "" && password === "" && search === "" && hash === "";
      if (/^https?:$/.test(protocol) && plain) return written.trim().replace(/\/+$/, "");
    }
    this.#fault("base_url", "must be the http or https address of its API, without a password, mostly ending in /v1");
    return "http://127.0.0.1";
  }

  #key(usual: string, needed: boolean): string {
    const written = this.#fields["key"] ?? null;
    if (written === null) {
      if (usual === "" && needed) this.#fault("key", `is missing; write \${NAME} for a variable that holds it`);
      return usual;
    }
    const name = typeof written === "string" ? VARIABLE.exec(written.trim())?.[1] : undefined;
    if (name === undefined) {
      this.#fault("key", "must be ${NAME}, the variable of the environment that holds it; no key stands in this file");
      return "";
    }
    const key = this.#variable("key", name);
    if (!KEY.test(key)) this.#fault("key", `\${${name}} holds characters that no key has; copy it again`);
    return key;
  }

  #headers(): Record<string, string> {
    const written = this.#fields["headers"] ?? {};
    if (!isMapping(written)) {
      this.#fault("headers", "must be a mapping of names to texts");
      return {};
    }
    return Object.fromEntries(
      Object.entries(written).map(([name, value]) => {
        const field = `headers.${name}`;
        const text = String(value).replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, variable: string) =>
          this.#variable(field, variable),
        );
        if (!isText(value) || !HEADER_NAME.test(name) || !HEADER_VALUE.test(text)) {
          this.#fault(field, "must be a name and a text that a header can have");
        } else if (OWN_HEADERS.test(name)) this.#fault(field, "is set by the gateway; remove it");
        return [name, text];
      }),
    );
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

  #variable(field: string, name: string): string {
    const value = this.#sources.lookup(name);
    if (value === undefined) this.#fault(field, `\${${name}} is not set; set it, or remove the provider`);
    return value ?? "unset";
  }

  #fault(field: string, sentence: string): void {
    this.#faults.push(`${this.#at}.${field}: ${sentence}`);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
