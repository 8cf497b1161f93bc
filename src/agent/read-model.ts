import type { FieldNotes } from "./card-fields.ts";
import type { Sampling } from "./model-client.ts";
import { OWN_PROVIDER } from "./provider.ts";
import { readRequestParams } from "./read-request-params.ts";

/** OpenAI by its other API. */
const RESPONSES = /^(responses|openresponses)\.(?=.)/;
/** Its older way to say how long a model shall think. */
const EFFORT = /\.(minimal|low|medium|high)$/;

/** A model that may be asked, and how. */
export interface ModelChoice {
  /** As `provider.model`. */
  model: string;
  /** What stands behind its name; goes before the card's. */
  sampling: Sampling;
}

/**
 * Reads `provider.model?name=value&…`: the model with its provider's name, if it has one, and the sampling that stands
 * behind it. Null = the gateway's default model. Notes are pushed as `model: <sentence>`.
 */
export function readModel(written: string, notes: FieldNotes): { model: string | null; sampling: Sampling } {
  const warn = (sentence: string) => notes.warnings.push(`model: ${sentence}`);
  const [name = "", query = ""] = written.trim().split(/\?(.*)/s);
  const sampling = readSampling(query, notes);
  if (name.startsWith("$")) {
    warn(`"${name}" stands for a model of fast-agent's configuration; the gateway's default model answers`);
    return { model: null, sampling };
  }
  if (RESPONSES.test(name)) warn("is asked over chat completions, not over the Responses API");
  const model = name.replace(RESPONSES, `${OWN_PROVIDER}.`);
  const effort = EFFORT.exec(model)?.[1];
  return {
    model: model.replace(EFFORT, "") || null,
    sampling: effort === undefined ? sampling : { reasoning: effort, ...sampling },
  };
}

/** Reads a model of parley.yaml; null = it is none, or is written wrongly, which is a fault then. */
export function readModelChoice(at: string, written: unknown, faults: string[]): ModelChoice | null {
  const notes: FieldNotes = { faults: [], warnings: [] };
  const { model, sampling } = readModel(typeof written === "string" ? written : "", notes);
  if (model === null) faults.push(`${at}: must be the name of a model, as provider.model`);
  faults.push(...[...notes.faults, ...notes.warnings].map((fault) => fault.replace(/^model:/, `${at}:`)));
  return model === null ? null : { model, sampling };
}

function readSampling(query: string, { faults, warnings }: FieldNotes): Sampling {
  const values = [...new URLSearchParams(query)].map(([name, text]): [string, unknown] => {
    return [name, text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text)];
  });
  const own: FieldNotes = { faults: [], warnings: [] };
  const { sampling } = readRequestParams(Object.fromEntries(values), own);
  faults.push(...own.faults.map(ofModel));
  warnings.push(...own.warnings.map(ofModel));
  return sampling;
}

function ofModel(sentence: string): string {
  return sentence.replace("request_params.", "model: ");
}
