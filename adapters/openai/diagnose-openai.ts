import { fault, type Finding, ok, warning } from "../../src/finding.ts";

const DEADLINE_MS = 10_000;
/** Models of one server that are read; more is no list. */
const MAX_BYTES = 4_000_000;

/** Asks the model's server which models there are. Never rejects, and costs nothing: no answer is written. */
export async function diagnoseOpenAI(model: {
  apiKey: string | null;
  baseUrl: string;
  model: string;
}): Promise<Finding[]> {
  const about = "model";
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`${model.baseUrl}/models`, {
      headers: model.apiKey === null ? {} : { authorization: `Bearer ${model.apiKey}` },
      signal: AbortSignal.timeout(DEADLINE_MS),
      redirect: "error",
    });
    text = (await answer.text()).slice(0, MAX_BYTES);
  } catch {
    const remedy = "Check OPENAI_BASE_URL, and whether this machine reaches it.";
    return [fault(about, "the model's server does not answer", remedy)];
  }
  if (answer.status === 401 || answer.status === 403) {
    return [fault(about, "the model's server refuses the key", "Put a valid key into OPENAI_API_KEY.")];
  }
  const names = answer.ok ? namesIn(text) : null;
  if (names === null) {
    const remedy = "If answers fail, check that OPENAI_BASE_URL ends as the server wants it, mostly in /v1.";
    return [warning(about, `the server tells no list of models (HTTP ${answer.status})`, remedy)];
  }
  if (names.has(model.model)) return [ok(about, `the server offers ${model.model}`)];
  const some = [...names].slice(0, 5).join(", ");
  return [
    fault(
      about,
      `the server does not offer ${model.model}`,
      `Set OPENAI_MODEL to one that it does: ${some || "none"}.`,
    ),
  ];
}

function namesIn(text: string): Set<string> | null {
  try {
    const { data } = JSON.parse(text) as { data?: { id?: unknown }[] };
    return Array.isArray(data) ? new Set(data.flatMap(({ id }) => (typeof id === "string" ? [id] : []))) : null;
  } catch {
    return null;
  }
}
