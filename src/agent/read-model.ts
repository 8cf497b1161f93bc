import type { FieldNotes } from "./card-fields.ts";
import type { Sampling } from "./model-client.ts";
import { readRequestParams } from "./read-request-params.ts";

/** fast-agent's names of what the gateway's own provider is; other first words may belong to the model's name. */
const OWN_PROVIDER = /^(openai|generic)\.(?=.)/;
/** OpenAI by its other API. */
const RESPONSES = /^(responses|openresponses)\.(?=.)/;
/** Its names of others; the gateway asks the one it has. */
const OTHER_PROVIDER =
  /^(anthropic|anthropic-vertex|azure|bedrock|codexresponses|deepseek|fast-agent|google|googleoai|groq|hf|huggingface|openrouter|tensorzero|xai|aliyun)\.(?=.)/;
/** Its older way to say how long a model shall think. */
const EFFORT = /\.(minimal|low|medium|high)$/;

/**
 * Reads `provider.model?name=value&…`: the model's name for the gateway's provider, and the sampling that stands behind
 * it. Null = the gateway's default model. Notes are pushed as `model: <sentence>`.
 */
export function readModel(written: string, notes: FieldNotes): { model: string | null; sampling: Sampling } {
  const warn = (sentence: string) => notes.warnings.push(`model: ${sentence}`);
  const [name = "", query = ""] = written.trim().split(/\?(.*)/s);
  const sampling = readSampling(query, notes);
  if (name.startsWith("$")) {
    warn(`"${name}" stands for a model of fast-agent's configuration; the gateway's default model answers`);
    return { model: null, sampling };
  }
  const own = name.replace(OWN_PROVIDER, "").replace(RESPONSES, "");
  if (RESPONSES.test(name)) warn("is asked over chat completions, not over the Responses API");
  const other = own === name ? OTHER_PROVIDER.exec(name)?.[1] : undefined;
  if (other) warn(`the provider "${other}" is not asked; the gateway's own is, for "${name}"`);
  const effort = EFFORT.exec(own)?.[1];
  if (effort) warn(`"${effort}" (how long the model thinks) is not sent`);
  return { model: own.replace(EFFORT, "") || null, sampling };
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
