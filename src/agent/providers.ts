import { CircuitBreaker } from "./circuit-breaker.ts";
import type { Clock } from "./clock.ts";
import type { ModelClient, ModelEvent, ModelFailure, ModelRequest } from "./model-client.ts";
import { OWN_PROVIDER, type Provider } from "./provider.ts";
import { resolveModel } from "./resolve-model.ts";
import { Slots } from "./slots.ts";

export interface ProvidersOptions {
  /** Makes the client of one provider; it takes the provider's own names of models. */
  open: (provider: Provider) => ModelClient & { close(): Promise<void> };
  /** Of requests that name none, as `provider.model`. */
  defaultModel: string;
  /** Answers where the gateway has no provider of its own. */
  demo: ModelClient;
  clock: Clock;
  /** 0 ≤ random() < 1, for the jitter of rests. */
  random: () => number;
  /** Failures in a row after which a provider rests. */
  failures?: number;
  /** A provider is not asked for a while (`why`: the last failure), or is asked again (null): it answers, or is set up anew. */
  onRest?: (provider: string, why: unknown) => void;
}

/** More in a row than one run makes by itself. */
const FAILURES = 5;
/** For each place: who would wait longer than a first token may take is better told so. */
const WAITING = 4;
/** While another asks whether the provider is back. */
const PROBE_MS = 1_000;

/** One provider as it was set up, with all that its requests share on this replica. */
interface Entry {
  provider: Provider;
  breaker: CircuitBreaker;
  /** Null = as many as come. */
  slots: Slots | null;
  client: (ModelClient & { close(): Promise<void> }) | null;
  /** Streams that it serves now. */
  users: number;
  /** Other settings hold for new runs: its client is closed as soon as nobody uses it. */
  retired: boolean;
  lastFailure: ModelFailure | null;
  /** `onRest` was told of its rest, and not yet of its end. */
  told: boolean;
}

type Entries = ReadonlyMap<string, Entry>;

/**
 * The models of all providers behind one client: `provider.model` goes to its provider. A provider that fails again and
 * again is left alone for a while, by all runs of the replica, and then asked by one of them; meanwhile a request fails
 * at once, as retryable after the rest.
 */
export class Providers implements ModelClient {
  readonly #options: ProvidersOptions;
  #entries: Entries = new Map();
  readonly #opened = new Set<Entry>();
  #closed = false;

  constructor(options: ProvidersOptions) {
    this.#options = options;
  }

  /** New runs are served as these say; those under way are as they began. What has not changed goes on as it was. */
  use(providers: ReadonlyMap<string, Provider>): void {
    const before = this.#entries;
    this.#entries = new Map([...providers].map(([name, each]) => [name, this.#entry(each, before.get(name))]));
    const kept = new Set(this.#entries.values());
    for (const entry of before.values()) {
      if (kept.has(entry)) continue;
      entry.retired = true;
      this.#tellEnd(entry);
      this.#leave(entry);
    }
  }

  pinned(): ModelClient {
    const entries = this.#entries;
    return {
      stream: (request, signal) => this.#stream(entries, request, signal),
      contextTokens: (model) => this.#contextTokens(entries, model),
    };
  }

  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return this.#stream(this.#entries, request, signal);
  }

  contextTokens(model: string | null): number | null {
    return this.#contextTokens(this.#entries, model);
  }

  /** Closes all sockets; streams that still run end as failed. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#opened].map(async ({ client }) => client?.close()));
  }

  #entry(provider: Provider, before: Entry | undefined): Entry {
    if (before && isSame(before.provider, provider)) return before;
    const { clock, random, failures = FAILURES } = this.#options;
    return {
      provider,
      breaker: new CircuitBreaker(clock, random, failures),
      slots: provider.concurrency === null ? null : new Slots(provider.concurrency, provider.concurrency * WAITING),
      client: null,
      users: 0,
      retired: false,
      lastFailure: null,
      told: false,
    };
  }

  #contextTokens(entries: Entries, written: string | null): number | null {
    const { provider, model } = resolveModel(written ?? this.#options.defaultModel, entries);
    return entries.get(provider)?.provider.models.get(model)?.contextTokens ?? null;
  }

  async *#stream(
    entries: Entries,
    request: ModelRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ModelEvent, void, undefined> {
    const { provider: name, model } = resolveModel(request.model ?? this.#options.defaultModel, entries);
    const entry = entries.get(name);
    if (!entry || this.#closed) {
      if (name === OWN_PROVIDER && !this.#closed) yield* this.#options.demo.stream(request, signal);
      else yield failed(notThere(name));
      return;
    }
    if (!entry.breaker.admit()) {
      yield failed(resting(entry));
      return;
    }
    let seen: ModelFailure | "answered" | null = null;
    entry.users += 1;
    const leaveSlot = await takeSlot(entry, request, signal);
    try {
      if (leaveSlot === null) {
        yield failed(signal.aborted ? STOPPED : noPlace(name));
        return;
      }
      const asked = { ...request, model, sampling: limited(request, entry.provider.models.get(model)?.maxOutput) };
      for await (const event of this.#client(entry).stream(asked, signal)) {
        if (event.type === "failed") seen = event.failure;
        else if (seen === null) {
          seen = "answered";
          // The next one may ask, too: an answer can be long.
          entry.breaker.unknown();
        }
        yield event.type === "finished" ? { ...event, model: `${name}.${model}` } : event;
      }
    } finally {
      leaveSlot?.();
      entry.users -= 1;
      this.#judge(entry, seen);
      this.#leave(entry);
    }
  }

  /** Made when it is first needed, also for a run that goes on with settings that hold no more. */
  #client(entry: Entry): ModelClient {
    entry.client ??= this.#options.open(entry.provider);
    this.#opened.add(entry);
    return entry.client;
  }

  #leave(entry: Entry): void {
    if (!entry.retired || entry.users > 0 || this.#closed) return;
    // Nobody uses it any more, so nobody need know how it ended.
    entry.client?.close().catch(() => undefined);
    entry.client = null;
    this.#opened.delete(entry);
  }

  #judge(entry: Entry, seen: ModelFailure | "answered" | null): void {
    const { breaker, provider } = entry;
    const { onRest } = this.#options;
    if (seen === null || (seen !== "answered" && isUnknown(seen))) return breaker.unknown();
    if (seen !== "answered" && isTrouble(seen)) {
      const rested = breaker.resting;
      entry.lastFailure = seen;
      breaker.failed(false, seen.retryAfterMs);
      // Of settings that hold no more, nothing is told: their name is another one's by now.
      if (!breaker.resting || rested || entry.retired) return;
      entry.told = true;
      onRest?.(provider.name, seen.cause ?? seen.message);
      return;
    }
    breaker.succeeded();
    this.#tellEnd(entry);
    entry.lastFailure = null;
  }

  #tellEnd(entry: Entry): void {
    if (entry.told) this.#options.onRest?.(entry.provider.name, null);
    entry.told = false;
  }
}

/** Null = there was none free for as long as a first token may take. */
async function takeSlot({ slots }: Entry, { firstTokenMs }: ModelRequest, signal: AbortSignal) {
  if (slots === null) return () => undefined;
  return slots.take(AbortSignal.any([signal, AbortSignal.timeout(firstTokenMs)]));
}

/** The provider, and not this one request, is at fault. */
function isTrouble({ kind, what }: ModelFailure): boolean {
  if (kind === "first_token_timeout" || kind === "idle_timeout") return true;
  return kind === "retryable" && what !== "empty" && what !== "limit_used_up";
}

function isUnknown({ kind }: ModelFailure): boolean {
  return kind === "aborted" || kind === "truncated";
}

function limited({ sampling }: ModelRequest, maxOutput: number | undefined): ModelRequest["sampling"] {
  const { maxTokens } = sampling;
  if (maxOutput === undefined || maxTokens === undefined) return sampling;
  return { ...sampling, maxTokens: Math.min(maxTokens, maxOutput) };
}

/** As the failure that began the rest, after which another try is worth it. */
function resting({ breaker, lastFailure, provider }: Entry): ModelFailure {
  return {
    kind: "retryable",
    what: lastFailure?.what === "busy" ? "busy" : "trouble",
    message: lastFailure?.message ?? "The model provider has trouble at the moment.",
    retryAfterMs: breaker.restsForMs || PROBE_MS,
    resting: true,
    cause: new Error(`the provider ${provider.name} is not asked for a while`),
  };
}

function noPlace(name: string): ModelFailure {
  const cause = new Error(`the provider ${name} has no place free (concurrency)`);
  return { kind: "retryable", what: "busy", message: "The model provider is busy.", cause };
}

function notThere(name: string): ModelFailure {
  const cause = new Error(`the provider ${name} is not set up any more`);
  return {
    kind: "refused",
    what: "no_model",
    message: "The model provider does not know this model or address.",
    cause,
  };
}

const STOPPED: ModelFailure = { kind: "aborted", what: "stopped", message: "The answer was stopped." };

function failed(failure: ModelFailure): ModelEvent {
  return { type: "failed", failure };
}

function isSame(a: Provider, b: Provider): boolean {
  return plain(a) === plain(b);
}

function plain(provider: Provider): string {
  return JSON.stringify({ ...provider, models: [...provider.models] });
}
