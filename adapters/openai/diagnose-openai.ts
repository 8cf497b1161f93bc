import { OWN_PROVIDER, type Provider } from "../../src/agent/provider.ts";
import { fault, type Finding, ok, warning } from "../../src/finding.ts";

const DEADLINE_MS = 10_000;
/** Models of one server that are read; more is no list. */
const MAX_BYTES = 4_000_000;

/** What is looked at, and the names of the settings that say it. */
export interface DiagnosedProvider extends Pick<Provider, "name" | "apiKey" | "baseUrl" | "headers"> {
  /** Models that are asked for, by the provider's own names. */
  wanted: readonly string[];
  settings: { address: string; key: string; model: string };
}

/** Asks a model's server which models there are. Never rejects, and costs nothing: no answer is written. */
export async function diagnoseOpenAI(provider: DiagnosedProvider): Promise<Finding[]> {
  const { name, wanted, settings } = provider;
  const about = name === OWN_PROVIDER ? "model" : `model ${name}`;
  const list = await ask(provider, "GET", "/models");
  if (list === null) {
    const remedy = `Check ${settings.address}, and whether this machine reaches it.`;
    return [fault(about, "the model's server does not answer", remedy)];
  }
  // Some want another header for their list than for their answers: an empty question costs nothing, and is read last.
  if (isRefused(list.status) && isRefused((await ask(provider, "POST", "/chat/completions"))?.status ?? 0)) {
    return [fault(about, "the model's server refuses the key", `Put a valid key into ${settings.key}.`)];
  }
  const names = list.status === 200 ? namesIn(list.text) : null;
  if (names === null) {
    const remedy = `If answers fail, check that ${settings.address} ends as the server wants it, mostly in /v1.`;
    return [warning(about, `the server tells no list of models (HTTP ${list.status})`, remedy)];
  }
  if (wanted.length === 0) return [ok(about, "the server answers; no agent asks for a model of it")];
  // Gemini's list says `models/gemini-…`.
  const offers = (model: string) => names.has(model) || names.has(`models/${model}`);
  const some = [...names].slice(0, 5).join(", ");
  return wanted.map((model) =>
    offers(model)
      ? ok(about, `the server offers ${model}`)
      : fault(
          about,
          `the server does not offer ${model}`,
          `Set ${settings.model} to one that it does: ${some || "none"}.`,
        ),
  );
}

/** Null = it does not answer. */
export async function ask(
  { apiKey, baseUrl, headers }: Pick<DiagnosedProvider, "apiKey" | "baseUrl" | "headers">,
  method: "GET" | "POST",
  path: string,
): Promise<{ status: number; text: string } | null> {
  try {
    const answer = await fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        ...(apiKey !== "" && { authorization: `Bearer ${apiKey}` }),
        ...(method === "POST" && { "content-type": "application/json" }),
        ...headers,
      },
      ...(method === "POST" && { body: "{}" }),
      signal: AbortSignal.timeout(DEADLINE_MS),
      redirect: "error",
    });
    return { status: answer.status, text: (await answer.text()).slice(0, MAX_BYTES) };
  } catch {
    return null;
  }
}

export function isRefused(status: number): boolean {
  return status === 401 || status === 403;
}

function namesIn(text: string): Set<string> | null {
  try {
    const { data } = JSON.parse(text) as { data?: { id?: unknown }[] };
    return Array.isArray(data) ? new Set(data.flatMap(({ id }) => (typeof id === "string" ? [id] : []))) : null;
  } catch {
    return null;
  }
}
