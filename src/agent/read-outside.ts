import { type Entrypoint, entrypointFault, readEntrypoint } from "./entrypoints.ts";
import type { OutsideLimits, RemoteAgent } from "./outside-agent.ts";
import { EndpointReader, headerFault } from "./read-endpoint.ts";

/** An agent that stands in parley.yaml and has no card. */
export type OutsideSettings = { readonly description: string; readonly limits: OutsideLimits } & (
  | { readonly remote: RemoteAgent }
  | { readonly module: Entrypoint }
);

/** The fields of an agent in parley.yaml that say where it runs. */
export const OUTSIDE_FIELDS = ["description", "remote", "module", "limits"];

const REMOTE_FIELDS = ["url", "key", "model", "headers", "history", "session_field", "session_header", "images"];
/** BaseAgent's (fipsagents/server/models.py, ChatCompletionRequest). */
const SESSION_FIELD = "session_id";
/** An agent thinks and calls tools before it speaks. */
const LIMITS = { first_token_sec: 120, idle_sec: 120, total_sec: 600, running: 8, waiting: 32 };
/** No run is longer; see run-worker.ts. */
const MAX_SEC = 15 * 60;
const MAX_RUNS = 1_000;
/** As a card's. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,56}$/;
/** They carry the request itself. */
const OWN_BODY_FIELDS = ["model", "messages", "stream", "stream_options"];

/** Null = the agent has a card. Faults name their field under `at`. */
export function readOutside(
  at: string,
  fields: Readonly<Record<string, unknown>>,
  lookup: (name: string) => string | undefined,
  faults: string[],
): OutsideSettings | null {
  const { remote, module, limits, description } = fields;
  const fault = (field: string, sentence: string) => void faults.push(`${at}.${field}: ${sentence}`);
  if (remote === undefined && module === undefined) {
    for (const field of ["description", "limits"]) {
      if (field in fields) fault(field, "is for agents with remote or module; remove it, or write it into the card");
    }
    return null;
  }
  if (!NAME.test(at.slice(at.lastIndexOf(".") + 1))) {
    faults.push(`${at}: must be named by 1–57 letters, digits, "_" or "-" and start with a letter or digit`);
  }
  if (remote !== undefined && module !== undefined) fault("module", "stands beside remote; keep one of them");
  const about = description ?? "";
  if (typeof about !== "string") fault("description", "must be a text");
  const known = { description: textOf(about), limits: readLimits(limits ?? {}, fault) };
  if (remote !== undefined) {
    // Another try at its server is no other model, and may do twice what it did.
    for (const field of ["fallback", "models"].filter((each) => each in fields)) {
      fault(field, "names models of the gateway's providers, which answer for no remote agent; remove it");
    }
    return { ...known, remote: readRemote(at, remote, lookup, fault) };
  }
  const entrypoint = readEntrypoint(module);
  if (!entrypoint) fault("module", entrypointFault(module) ?? "must name a module and its export, as file.ts:export");
  return { ...known, module: entrypoint ?? { path: "", name: "" } };
}

type Fault = (field: string, sentence: string) => void;

function readRemote(
  at: string,
  written: unknown,
  lookup: (name: string) => string | undefined,
  outer: Fault,
): RemoteAgent {
  const fault: Fault = (field, sentence) => outer(`remote.${field}`, sentence);
  const fields = isMapping(written) ? written : {};
  if (!isMapping(written)) outer("remote", "must be a mapping of fields to values");
  for (const field of Object.keys(fields)) {
    if (!REMOTE_FIELDS.includes(field)) fault(field, `is not a field; remove it (fields: ${REMOTE_FIELDS.join(", ")})`);
  }
  const endpoint = new EndpointReader(fields, lookup, fault);
  const { model = at.slice(at.lastIndexOf(".") + 1), history = "gateway", images = false } = fields;
  if (typeof model !== "string" || model.trim() === "") fault("model", "must be a text that is not empty");
  if (history !== "gateway" && history !== "agent") fault("history", "must be gateway or agent");
  if (typeof images !== "boolean") fault("images", "must be true or false");
  return {
    url: endpoint.baseUrl("url", null).replace(/\/chat\/completions$/, ""),
    key: endpoint.key("", false),
    model: textOf(model),
    headers: endpoint.headers(),
    history: history === "agent" ? "agent" : "gateway",
    session: readSession(fields, fault),
    images: images === true,
  };
}

function readSession(fields: Record<string, unknown>, fault: Fault): RemoteAgent["session"] {
  const { session_field: field = SESSION_FIELD, session_header: header } = fields;
  if (header !== undefined) {
    const wrong = typeof header === "string" ? headerFault(header) : "must be the name of a header";
    if (wrong !== null) fault("session_header", wrong);
    if ("session_field" in fields) fault("session_header", "stands beside session_field; keep one of them");
    return { header: textOf(header) };
  }
  if (typeof field !== "string" || field.trim() === "" || OWN_BODY_FIELDS.includes(field)) {
    fault("session_field", "must be the name of a field of the request that carries the talk's id");
  }
  return { field: textOf(field) };
}

function readLimits(written: unknown, outer: Fault): OutsideLimits {
  const limits: Record<string, number> = { ...LIMITS };
  if (!isMapping(written)) outer("limits", "must be a mapping of names to numbers");
  for (const [name, value] of isMapping(written) ? Object.entries(written) : []) {
    const inTime = name.endsWith("_sec");
    const [least, most] = [name === "waiting" ? 0 : 1, inTime ? MAX_SEC : MAX_RUNS];
    const fits = typeof value === "number" && (inTime || Number.isInteger(value)) && value >= least && value <= most;
    if (!Object.hasOwn(LIMITS, name)) {
      outer(`limits.${name}`, `is not one; remove it (limits: ${Object.keys(LIMITS).join(", ")})`);
    } else if (fits) limits[name] = value;
    else outer(`limits.${name}`, `must be a number from ${least} to ${most}`);
  }
  const { first_token_sec: first = 0, idle_sec: idle = 0, total_sec: total = 0, running = 1, waiting = 0 } = limits;
  return { firstMs: first * 1000, idleMs: idle * 1000, totalMs: total * 1000, running, waiting };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whatever else it is, a fault was told of it. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
