/** A piece of a tool call as providers stream it; nothing in it can be relied upon. */
export interface CallDelta {
  index?: unknown;
  id?: unknown;
  type?: unknown;
  function?: { name?: unknown; arguments?: unknown } | null;
  [extra: string]: unknown;
}

export interface GatheredCall {
  /** "" when the provider gave none. */
  id: string;
  name: string;
  args: string;
  /** Fields that are not part of the API, such as Gemini's `extra_content`; null without any. */
  extra: Record<string, unknown> | null;
}

interface OpenCall extends GatheredCall {
  index: number | null;
}

const MAX_CALLS = 128;
const MAX_ARGS_CHARS = 2_000_000;

/**
 * Puts streamed tool calls together. The rule: an id that is known names its call; else the last call with that index,
 * unless the ids conflict (some providers give every parallel call the index 0); else, without id and index, the last
 * call (Gemini's endpoint leaves the index out). A piece that would start a second call inside a finished one starts a
 * new one.
 */
export class CallGatherer {
  readonly #calls: OpenCall[] = [];
  #chars = 0;

  /** Throws a RangeError for more than any real answer holds. */
  add(delta: CallDelta): void {
    const id = typeof delta.id === "string" ? delta.id : "";
    const index = typeof delta.index === "number" ? delta.index : null;
    const name = typeof delta.function?.name === "string" ? delta.function.name : "";
    const args = argumentText(delta.function?.arguments);
    const known = this.#find(id, index);
    const call = known && !startsAnother(known, id, name) ? known : this.#open(id, index);
    if (call.id === "") call.id = id;
    if (call.name === "") call.name = name;
    call.args += args;
    for (const [key, value] of Object.entries(delta)) {
      if (key === "index" || key === "id" || key === "type" || key === "function") continue;
      call.extra = { ...call.extra, [key]: value };
    }
    this.#chars += args.length;
    if (this.#chars > MAX_ARGS_CHARS) throw new RangeError("tool arguments too long");
  }

  /** In the order they began; nameless ones are noise. */
  calls(): GatheredCall[] {
    return this.#calls.filter(({ name }) => name !== "").map(({ index: _index, ...call }) => call);
  }

  #find(id: string, index: number | null): OpenCall | undefined {
    const byId = id === "" ? undefined : this.#calls.find((call) => call.id === id);
    if (byId) return byId;
    const candidate = index === null ? this.#calls.at(-1) : this.#calls.findLast((call) => call.index === index);
    // An id nobody has: it may only name a call that has none yet.
    return candidate && (id === "" || candidate.id === "") ? candidate : undefined;
  }

  #open(id: string, index: number | null): OpenCall {
    if (this.#calls.length === MAX_CALLS) throw new RangeError("too many tool calls");
    const call: OpenCall = { index, id, name: "", args: "", extra: null };
    this.#calls.push(call);
    return call;
  }
}

/** Without ids the name is the only sign: one that differs, or that follows complete arguments, is another call's. */
function startsAnother(known: OpenCall, id: string, name: string): boolean {
  if (name === "" || known.name === "" || (id !== "" && id === known.id)) return false;
  return name !== known.name || isJson(known.args);
}

function argumentText(args: unknown): string {
  if (typeof args === "string") return args;
  return args === undefined || args === null ? "" : JSON.stringify(args);
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
