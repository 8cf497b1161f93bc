import type { FieldNotes } from "./card-fields.ts";
import type { Sampling } from "./model-client.ts";

/** What the map `request_params` of a card says. */
export interface RequestParams {
  sampling: Sampling;
  /** Null = not set. */
  maxSteps: number | null;
  idleMs: number | null;
}

type Draft = { sampling: Sampling; maxSteps: number | null; idleMs: number | null };
type Setter = (draft: Draft, value: unknown) => string | null;

const MAX_STREAMING_TIMEOUT_S = 3600;

/** By snake-case name; each sets its value or says what it should have been. */
const PARAMS: Record<string, Setter> = {
  temperature: number(0, 2, (draft, value) => (draft.sampling.temperature = value)),
  top_p: number(0, 1, (draft, value) => (draft.sampling.topP = value)),
  max_tokens: integer(1, (draft, value) => (draft.sampling.maxTokens = value)),
  presence_penalty: number(-2, 2, (draft, value) => (draft.sampling.presencePenalty = value)),
  frequency_penalty: number(-2, 2, (draft, value) => (draft.sampling.frequencyPenalty = value)),
  stop_sequences: (draft, value) => {
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
    if (!isList) return "must be a list of texts that are not empty";
    draft.sampling.stopSequences = value as string[];
    return null;
  },
  parallel_tool_calls: (draft, value) => {
    if (typeof value !== "boolean") return "must be true or false";
    draft.sampling.parallelToolCalls = value;
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
  const draft: Draft = { sampling: {}, maxSteps: null, idleMs: null };
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
      warnings.push(`request_params.${written}: has no effect here; used are ${Object.keys(PARAMS).join(", ")}`);
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

function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
