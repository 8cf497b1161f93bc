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
 * Puts streamed tool calls together. The rule: the call with that id and index; else the last call with that index,
 * unless the ids conflict (some providers give every parallel call the index 0); else, without index, the last call
 * (Gemini's endpoint leaves it out). Ids conflict only where the piece has a name, too: without one it goes on with a
 * call, though its id may be new (vLLM gave every piece an id of its own). A piece that would start a second call
 * inside a finished one starts a new one.
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
    const known = this.#find(id, index, name);
    const call = known && !startsAnother(known, id, name, args) ? known : this.#open(id, index);
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

  #find(id: string, index: number | null, name: string): OpenCall | undefined {
    const sameId = id === "" ? [] : this.#calls.filter((call) => call.id === id);
    const exact = sameId.findLast((call) => call.index === index);
    if (exact) return exact;
    if (name === "" && sameId.length > 0) return sameId.at(-1);
    const candidate = index === null ? this.#calls.at(-1) : this.#calls.findLast((call) => call.index === index);
    const conflict = id !== "" && name !== "" && candidate?.id !== "" && candidate?.id !== id;
    return conflict ? undefined : candidate;
  }

  #open(id: string, index: number | null): OpenCall {
    if (this.#calls.length === MAX_CALLS) throw new RangeError("too many tool calls");
    const call: OpenCall = { index, id, name: "", args: "", extra: null };
    this.#calls.push(call);
    return call;
  }
}

/**
 * A name that differs is another call's, and so is one that follows complete arguments; under the same id, which may
 * repeat its name with every piece, only if it brings an object of its own.
 */
function startsAnother(known: OpenCall, id: string, name: string, args: string): boolean {
  if (name === "" || known.name === "") return false;
  if (name !== known.name) return true;
  if (id !== "" && id === known.id && !args.trimStart().startsWith("{")) return false;
  return isJson(known.args);
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
