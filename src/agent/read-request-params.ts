import type { FieldNotes } from "./card-fields.ts";
import type { Sampling } from "./model-client.ts";

/** What the map `request_params` of a card says. */
export interface RequestParams {
  sampling: Sampling;
  /** Null = not set. */
  maxSteps: number | null;
  idleMs: number | null;
  model: string | null;
  useHistory: boolean | null;
  /** Values of placeholders of the instruction, by name. */
  templateVars: Record<string, string>;
}

type Draft = RequestParams;
type Setter = (draft: Draft, value: unknown) => string | null;

const MAX_STREAMING_TIMEOUT_S = 3600;

/** By snake-case name; each sets its value or says what it should have been. */
const PARAMS: Record<string, Setter> = {
  temperature: number(0, 2, (draft, value) => (draft.sampling.temperature = value)),
  top_p: number(0, 1, (draft, value) => (draft.sampling.topP = value)),
  max_tokens: integer(1, (draft, value) => (draft.sampling.maxTokens = value)),
  // -1 and 0 mean "all" to some servers.
  top_k: integer(-1, (draft, value) => (draft.sampling.topK = value)),
  min_p: number(0, 1, (draft, value) => (draft.sampling.minP = value)),
  repetition_penalty: number(0, 2, (draft, value) => (draft.sampling.repetitionPenalty = value)),
  presence_penalty: number(-2, 2, (draft, value) => (draft.sampling.presencePenalty = value)),
  frequency_penalty: number(-2, 2, (draft, value) => (draft.sampling.frequencyPenalty = value)),
  stop_sequences: (draft, value) => {
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
    if (!isList) return "must be a list of texts that are not empty";
    draft.sampling.stopSequences = value as string[];
    return null;
  },
  reasoning: effort,
  reasoning_effort: effort,
  parallel_tool_calls: flag((draft, value) => (draft.sampling.parallelToolCalls = value)),
  use_history: flag((draft, value) => (draft.useHistory = value)),
  model: (draft, value) => {
    if (typeof value !== "string" || value.trim() === "") return "must be a text that is not empty";
    draft.model = value;
    return null;
  },
  template_vars: (draft, value) => {
    const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
    const entries = isMapping ? Object.entries(value) : [];
    if (!isMapping || !entries.every(([, item]) => ["string", "number", "boolean"].includes(typeof item))) {
      return "must be a mapping of names to texts";
    }
    draft.templateVars = Object.fromEntries(entries.map(([name, item]) => [name, String(item)]));
    return null;
  },
  max_iterations: integer(1, (draft, value) => (draft.maxSteps = value)),
  streaming_timeout: number(1, MAX_STREAMING_TIMEOUT_S, (draft, value) => (draft.idleMs = value * 1000)),
};

/**
 * Reads `request_params`, whose names may be written in snake or camel case. Names that have no effect here are warned
 * of. Notes are pushed as `request_params.<name>: <sentence>`.
 */
export function readRequestParams(value: unknown, { faults, warnings }: FieldNotes): RequestParams {
  const draft: Draft = {
    sampling: {},
    maxSteps: null,
    idleMs: null,
    model: null,
    useHistory: null,
    templateVars: {},
  };
  if (value === undefined || value === null) return draft;
  if (typeof value !== "object" || Array.isArray(value)) {
    faults.push("request_params: must be a mapping of names to values");
    return draft;
  }
  const seen = new Set<string>();
  for (const [written, setting] of Object.entries(value)) {
    const name = toSnakeCase(written);
    const set = Object.hasOwn(PARAMS, name) ? PARAMS[name] : undefined;
    if (!set) {
      warnings.push(`request_params.${written}: has no effect here`);
    } else if (seen.has(name)) {
      faults.push(`request_params.${written}: is set twice (snake and camel case are the same name); keep one`);
    } else {
      seen.add(name);
      const fault = set(draft, setting);
      if (fault) faults.push(`request_params.${written}: ${fault}`);
    }
  }
  return draft;
}

function number(min: number, max: number, set: (draft: Draft, value: number) => void): Setter {
  return (draft, value) => {
    if (typeof value !== "number" || !(value >= min && value <= max)) return `must be a number from ${min} to ${max}`;
    set(draft, value);
    return null;
  };
}

function integer(min: number, set: (draft: Draft, value: number) => void): Setter {
  return (draft, value) => {
    if (!Number.isSafeInteger(value) || (value as number) < min) return `must be a whole number of at least ${min}`;
    set(draft, value as number);
    return null;
  };
}

function flag(set: (draft: Draft, value: boolean) => void): Setter {
  return (draft, value) => {
    if (typeof value !== "boolean") return "must be true or false";
    set(draft, value);
    return null;
  };
}

/** Providers add words of their own, and a number of tokens is not one of them. */
function effort(draft: Draft, value: unknown): string | null {
  if (typeof value !== "string" || !/^[a-z]{1,20}$/.test(value)) return "must be a word like low, medium or high";
  draft.sampling.reasoning = value;
  return null;
}

function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
