import { GatewayError } from "../errors.ts";
import { BUSY_POLICIES, type BusyPolicy } from "./busy-policy.ts";
import type { Budget, Budgets, Prices } from "./budgets.ts";
import { readBudget, readBudgets, readPrices } from "./read-budgets.ts";
import type { Provider } from "./provider.ts";
import { faultOfModel } from "./resolve-model.ts";
import { readRetention, type Retention } from "./retention.ts";
import { ownProvider, type ProviderSources, readProviders } from "./read-providers.ts";
import { OUTSIDE_FIELDS, type OutsideSettings, readOutside } from "./read-outside.ts";
import { type ModelChoice, readModelChoice } from "./read-model.ts";
import { APPROVAL_FIELDS, type ApprovalField, readApprovalField } from "./read-approvals.ts";
import { readYamlMapping } from "./read-yaml.ts";
import type { ToolPolicies } from "./tool-policy.ts";

/** Where the gateway's own settings of agents and places stand, among the cards. */
export const SETTINGS_FILE = "parley.yaml";

/** `off`: nothing is heard there, commands included. `always`: nobody has to mention the bot there. */
export type Listening = "mentioned" | "always" | "off";
const SECTIONS = [
  "agents",
  "places",
  "users",
  "keys",
  "feedback",
  "budgets",
  "prices",
  "providers",
  "retention",
  "trace_content",
];
/** Sections of settings by name, and how the names look. */
const NAMED = ["agents", "places", "users", "keys"] as const;
type Section = (typeof NAMED)[number];
const NAMES: { [section in Section]?: { as: RegExp; says: string } } = {
  places: {
    as: /^(telegram:-?\d+|slack:[^:\s]+:[^:\s]+)(:[^:\s]+)?$/,
    says: '"telegram:<chat>" or "slack:<team>:<channel>", and may end in ":<thread>"',
  },
  users: { as: /^usr_\w+$/, says: "the id of a user (usr_…)" },
  keys: { as: /^key_\w+$/, says: "the id of a key (key_…)" },
};
/** What is kept in traces of what people and agents say: nothing, or all. */
const CONTENTS = ["none", "full"] as const;
type TraceContent = (typeof CONTENTS)[number];
const LISTENING = ["mentioned", "always", "off"] as const satisfies Listening[];

/** Tools of the gateway's own that an agent has only where the operator grants them. */
const GRANTED_TOOLS = ["web_fetch", "memory"] as const;
export type GrantedTool = (typeof GRANTED_TOOLS)[number];

/** More are no list for people. */
const MAX_CHOICES = 20;

/** What can be set for an agent or a place; `FIELDS` says which of them for which. */
export interface SettingsOf {
  on_busy?: BusyPolicy;
  tools?: readonly GrantedTool[];
  approvals?: ToolPolicies;
  /** Who may decide besides those who asked, as `<platform>:<id>`. */
  approvers?: readonly string[];
  /** How long a question waits for its answer. */
  approval_minutes?: number;
  /** Globs of the only tools that are offered there, to everybody; left out: all, and to strangers none. */
  offer?: readonly string[];
  /** Asked while the agent's own model cannot be. */
  fallback?: ModelChoice;
  /** Sums up talks that grow long; left out: the agent's own. */
  summary_model?: ModelChoice;
  /** What people may choose from, by what the file writes. */
  models?: ReadonlyMap<string, ModelChoice>;
  agent?: string;
  listen?: Listening;
  /** Agents may remember here, although it is a group. */
  memory?: boolean;
  /** Whether people are asked what they think of answers. */
  feedback?: boolean;
  budget?: Budget;
  /** Left out: as for all agents. */
  trace_content?: TraceContent;
  /** Of agents without a card: where they run. */
  outside?: OutsideSettings;
}

const FIELDS: Record<Section, readonly string[]> = {
  agents: [
    "on_busy",
    "feedback",
    "tools",
    "budget",
    "fallback",
    "models",
    "summary_model",
    "approvals",
    "approvers",
    "approval_minutes",
    "trace_content",
    ...OUTSIDE_FIELDS,
  ],
  places: ["on_busy", "agent", "listen", "feedback", "memory", "budget", "approvals", "approvers", "offer"],
  users: ["budget"],
  keys: ["budget"],
};

/**
 * What an operator has set per agent, by its name, per place, by its key, and for single users and stored keys, by their
 * ids; what is absent is not set. The providers hold secrets.
 */
export interface AgentSettings {
  readonly agents: ReadonlyMap<string, SettingsOf>;
  readonly places: ReadonlyMap<string, SettingsOf>;
  readonly users?: ReadonlyMap<string, SettingsOf>;
  readonly keys?: ReadonlyMap<string, SettingsOf>;
  /** Of all agents and places that have no word of their own; left out: where each person sees their own vote. */
  readonly feedback?: boolean;
  readonly budgets?: Budgets;
  readonly prices?: Prices;
  /** Left out: the gateway's own. */
  readonly retention?: Retention;
  /** Of agents that say nothing else; left out: `none`. */
  readonly traceContent?: TraceContent;
  /** By their names, that of the `OPENAI_*` settings among them. */
  readonly providers: ReadonlyMap<string, Provider>;
}

export const NO_SETTINGS: AgentSettings = { agents: new Map(), places: new Map(), providers: new Map() };
/** What is known without settings of the gateway. */
export const NO_SOURCES: ProviderSources = { lookup: () => undefined, own: null };
/** Unless set otherwise. */
const APPROVAL_MINUTES = 30;

/** Reads the file; throws GatewayError `invalid` that lists all faults, one a line. */
export function readSettings(text: string, sources: ProviderSources = NO_SOURCES): AgentSettings {
  const faults: string[] = [];
  const settings = Object.fromEntries(NAMED.map((name) => [name, new Map()])) as Record<
    Section,
    Map<string, SettingsOf>
  >;
  const money: Pick<AgentSettings, "budgets" | "prices" | "retention" | "traceContent" | "feedback"> = {};
  let providers = ownProvider(sources);
  const mapping = readYamlMapping(text);
  if ("faults" in mapping) faults.push(...mapping.faults);
  for (const [section, value] of "faults" in mapping ? [] : mapping.entries) {
    if (value === null) continue;
    if (section === "budgets") Object.assign(money, { budgets: readBudgets(value, faults) });
    else if (section === "feedback") Object.assign(money, { feedback: readFeedback(section, value, faults) });
    else if (section === "providers") providers = readProviders(value, sources, faults);
    else if (section === "trace_content") Object.assign(money, { traceContent: readContent(section, value, faults) });
    else if (section === "prices") Object.assign(money, { prices: readPrices(value, faults) });
    else if (section === "retention") Object.assign(money, { retention: readRetention(value, faults) });
    else if (isNamed(section)) readSection(section, value, settings[section], faults, sources);
    else faults.push(`${section}: is not a section; remove it (sections: ${SECTIONS.join(", ")})`);
  }
  faults.push(...faultsOfModels(settings.agents, providers));
  if (faults.length > 0) {
    throw new GatewayError("invalid", faults.map((fault) => `${SETTINGS_FILE}: ${fault}`).join("\n"));
  }
  return { ...settings, ...money, providers };
}

function readSection(
  section: Section,
  value: unknown,
  into: Map<string, SettingsOf>,
  faults: string[],
  { lookup }: Pick<ProviderSources, "lookup">,
): void {
  if (!isMapping(value)) return void faults.push(`${section}: must be a mapping of names to settings`);
  for (const [name, fields] of Object.entries(value)) {
    const at = `${section}.${name}`;
    const wanted = NAMES[section];
    if (wanted && !wanted.as.test(name)) faults.push(`${at}: must be ${wanted.says}`);
    if (!isMapping(fields)) {
      faults.push(`${at}: must be a mapping of fields to values`);
      continue;
    }
    const read = readFields(at, fields, FIELDS[section], faults);
    const outside = section === "agents" ? readOutside(at, fields, lookup, faults) : null;
    into.set(name, outside ? { ...read, outside } : read);
  }
}

function faultsOfModels(agents: ReadonlyMap<string, SettingsOf>, providers: ReadonlyMap<string, unknown>): string[] {
  return [...agents].flatMap(([name, { fallback, summary_model, models = new Map<string, ModelChoice>() }]) => {
    const named = [
      ...(fallback ? [["fallback", fallback] as const] : []),
      ...(summary_model ? [["summary_model", summary_model] as const] : []),
      ...[...models.values()].map((each) => ["models", each] as const),
    ];
    return named.flatMap(([field, { model }]) => {
      const fault = faultOfModel(model, providers);
      return fault === null ? [] : [`agents.${name}.${field}: ${fault}`];
    });
  });
}

function readFields(
  at: string,
  fields: Record<string, unknown>,
  known: readonly string[],
  faults: string[],
): SettingsOf {
  const read: SettingsOf = {};
  for (const [field, wanted] of Object.entries(fields)) {
    const policy = BUSY_POLICIES.find((each) => each === wanted);
    const listen = LISTENING.find((each) => each === wanted);
    if (!known.includes(field)) faults.push(`${at}.${field}: is not a field; remove it (fields: ${known.join(", ")})`);
    else if (OUTSIDE_FIELDS.includes(field)) continue;
    else if (field === "feedback") read.feedback = readFeedback(`${at}.feedback`, wanted, faults);
    else if (field === "budget") read.budget = readBudget(`${at}.budget`, wanted, faults);
    else if (field === "trace_content") read.trace_content = readContent(`${at}.trace_content`, wanted, faults);
    else if (APPROVAL_FIELDS.some((each) => each === field)) {
      const fault = readApprovalField(read, field as ApprovalField, wanted);
      if (fault !== null) faults.push(`${at}.${field}: ${fault}`);
    } else if (field === "on_busy" && policy) read.on_busy = policy;
    else if (field === "on_busy") faults.push(`${at}.on_busy: must be one of ${BUSY_POLICIES.join(", ")}`);
    else if (field === "listen" && listen) read.listen = listen;
    else if (field === "listen") faults.push(`${at}.listen: must be one of ${LISTENING.join(", ")}`);
    else if (field === "memory" && typeof wanted === "boolean") read.memory = wanted;
    else if (field === "memory") faults.push(`${at}.memory: must be true or false`);
    else if (field === "tools" && isGranted(wanted)) read.tools = [...new Set(wanted)];
    else if (field === "tools")
      faults.push(`${at}.tools: must be a list of tools (tools: ${GRANTED_TOOLS.join(", ")})`);
    else if (field === "fallback" || field === "summary_model" || field === "models")
      readChoices(`${at}.${field}`, wanted, read, faults);
    else if (typeof wanted === "string" && wanted.trim() !== "") read.agent = wanted.trim();
    else faults.push(`${at}.agent: must be the name of an agent`);
  }
  return read;
}

function readContent(at: string, wanted: unknown, faults: string[]): TraceContent {
  const content = CONTENTS.find((each) => each === wanted);
  if (!content) faults.push(`${at}: must be one of ${CONTENTS.join(", ")}`);
  return content ?? "none";
}

/** What is wrong is a fault, so what is given back then does not matter. */
function readFeedback(at: string, wanted: unknown, faults: string[]): boolean {
  if (wanted !== "on" && wanted !== "off") faults.push(`${at}: must be on or off`);
  return wanted === "on";
}

/** `models` are a list of them, the others are one. */
function readChoices(at: string, wanted: unknown, into: SettingsOf, faults: string[]): void {
  const many = at.endsWith(".models");
  const list: unknown[] = Array.isArray(wanted) ? wanted : [wanted];
  if (many && (!Array.isArray(wanted) || list.length < 1 || list.length > MAX_CHOICES)) {
    faults.push(`${at}: must be a list of 1 to ${MAX_CHOICES} models`);
  }
  const choices = new Map(
    list.flatMap((each) => {
      const choice = readModelChoice(at, each, faults);
      return choice ? [[String(each), choice] as const] : [];
    }),
  );
  const [first] = choices.values();
  if (many) into.models = choices;
  else if (first) into[at.endsWith(".fallback") ? "fallback" : "summary_model"] = first;
}

/**
 * What becomes of a message that comes while its session's run is under way: as it was set in the chat (`mode`), else
 * for its thread, for its chat, for its agent; null = nobody has set it.
 */
export function busyPolicyFor(
  settings: AgentSettings,
  asked: { agent: string; place: { account: string; chat: string; thread: string } | null; mode: BusyPolicy | null },
): BusyPolicy | null {
  const ofPlace = asked.place ? ofPlaces(settings, asked.place, ({ on_busy }) => on_busy) : null;
  return asked.mode ?? ofPlace ?? settings.agents.get(asked.agent)?.on_busy ?? null;
}

/** Whether an agent's traces hold what is said and what its tools are given. */
export function keepsContent(settings: AgentSettings, agent: string): boolean {
  return (settings.agents.get(agent)?.trace_content ?? settings.traceContent) === "full";
}

/** How tools are dealt with: of the agent, and of the place and its thread. */
export function toolSettings(
  settings: AgentSettings,
  agent: string,
  place: PlaceNames | null,
): { policies: ToolPolicies[]; approvers: string[]; minutes: number; offer: readonly string[] | null } {
  const ofAgent = settings.agents.get(agent) ?? {};
  const ofPlace = place ? keysOf(place).map((key) => settings.places.get(key) ?? {}) : [];
  const levels = [ofAgent, ...ofPlace];
  return {
    policies: levels.flatMap(({ approvals }) => (approvals ? [approvals] : [])),
    approvers: levels.flatMap(({ approvers }) => approvers ?? []),
    minutes: ofAgent.approval_minutes ?? APPROVAL_MINUTES,
    offer: place ? ofPlaces(settings, place, ({ offer }) => offer) : null,
  };
}

interface PlaceNames {
  account: string;
  chat: string;
  thread: string;
}

/** Who answers at a place; null = nobody has set it. */
export function agentOfPlace(settings: AgentSettings, place: PlaceNames): string | null {
  return ofPlaces(settings, place, ({ agent }) => agent);
}

/** When the bot is heard at a place. */
export function listeningAt(settings: AgentSettings, place: PlaceNames): Listening {
  return ofPlaces(settings, place, ({ listen }) => listen) ?? "mentioned";
}

/** Whether people are asked what they think of an agent's answers at a place; `byDefault` where nobody has set it. */
export function feedbackAt(settings: AgentSettings, agent: string, place: PlaceNames, byDefault: boolean): boolean {
  const set = ofPlaces(settings, place, ({ feedback }) => feedback) ?? settings.agents.get(agent)?.feedback;
  return set ?? settings.feedback ?? byDefault;
}

/** The budget of a group place, and of what it is: a thread with one of its own, else its chat with all threads. */
export function budgetOfPlace(settings: AgentSettings, place: PlaceNames): { key: string; budget: Budget | undefined } {
  const keys = keysOf(place);
  const key = keys.find((each) => settings.places.get(each)?.budget) ?? keys.at(-1)!;
  return { key, budget: settings.places.get(key)?.budget ?? settings.budgets?.place };
}

/** The budget of one user or stored key: its own, else everybody's. */
export function budgetOfId(settings: AgentSettings, of: "users" | "keys", id: string): Budget | undefined {
  return settings[of]?.get(id)?.budget ?? settings.budgets?.[of === "users" ? "person" : "key"];
}

/** Whether agents may remember what is said at a group place. */
export function memoryInGroup(settings: AgentSettings, place: PlaceNames): boolean {
  return ofPlaces(settings, place, ({ memory }) => memory) ?? false;
}

/** The thread's own word goes before its chat's. */
function ofPlaces<T>(settings: AgentSettings, place: PlaceNames, pick: (of: SettingsOf) => T | undefined): T | null {
  for (const key of keysOf(place)) {
    const of = settings.places.get(key);
    const value = of && pick(of);
    if (value !== undefined) return value;
  }
  return null;
}

/** The most exact first. A Telegram chat has one id for every bot; a Slack channel is named within its team. */
function keysOf({ account, chat, thread }: { account: string; chat: string; thread: string }): string[] {
  const key = `${account.startsWith("telegram:") ? "telegram" : account}:${chat}`;
  return thread === "" ? [key] : [`${key}:${thread}`, key];
}

function isNamed(section: string): section is Section {
  return NAMED.some((each) => each === section);
}

function isGranted(value: unknown): value is GrantedTool[] {
  return Array.isArray(value) && value.every((name) => GRANTED_TOOLS.some((each) => each === name));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
