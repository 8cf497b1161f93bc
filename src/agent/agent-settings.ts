import { GatewayError } from "../errors.ts";
import type { BusyPolicy } from "./busy-policy.ts";
import { readYamlMapping } from "./read-yaml.ts";

/** Where the gateway's own settings of agents and places stand, among the cards. */
export const SETTINGS_FILE = "parley.yaml";

const POLICIES = ["interrupt", "steer", "queue", "parallel", "reject"] as const satisfies BusyPolicy[];

/** What an operator has set per agent, by its name, and per place, by its key; what is absent is not set. */
export interface AgentSettings {
  readonly agents: ReadonlyMap<string, BusyPolicy>;
  readonly places: ReadonlyMap<string, BusyPolicy>;
}

export const NO_SETTINGS: AgentSettings = { agents: new Map(), places: new Map() };

/** Reads the file; throws GatewayError `invalid` that lists all faults, one a line. */
export function readSettings(text: string): AgentSettings {
  const faults: string[] = [];
  const settings = { agents: new Map<string, BusyPolicy>(), places: new Map<string, BusyPolicy>() };
  const mapping = readYamlMapping(text);
  if ("faults" in mapping) faults.push(...mapping.faults);
  for (const [section, value] of "faults" in mapping ? [] : mapping.entries) {
    if (section !== "agents" && section !== "places") {
      faults.push(`${section}: is not a section; remove it (sections: agents, places)`);
    } else if (value !== null) readSection(section, value, settings[section], faults);
  }
  if (faults.length > 0) {
    throw new GatewayError("invalid", faults.map((fault) => `${SETTINGS_FILE}: ${fault}`).join("\n"));
  }
  return settings;
}

function readSection(section: string, value: unknown, into: Map<string, BusyPolicy>, faults: string[]): void {
  if (!isMapping(value)) return void faults.push(`${section}: must be a mapping of names to settings`);
  for (const [name, fields] of Object.entries(value)) {
    const at = `${section}.${name}`;
    if (section === "places" && !PLACE_KEY.test(name)) {
      faults.push(`${at}: must be "telegram:<chat>" or "slack:<team>:<channel>", and may end in ":<thread>"`);
    }
    if (!isMapping(fields)) {
      faults.push(`${at}: must be a mapping of fields to values`);
      continue;
    }
    for (const [field, wanted] of Object.entries(fields)) {
      const policy = POLICIES.find((each) => each === wanted);
      if (field !== "on_busy") faults.push(`${at}.${field}: is not a field; remove it (fields: on_busy)`);
      else if (policy) into.set(name, policy);
      else faults.push(`${at}.on_busy: must be one of ${POLICIES.join(", ")}`);
    }
  }
}

/**
 * What becomes of a message that comes while its session's run is under way: as it was set in the chat (`mode`), else
 * for its thread, for its chat, for its agent; null = nobody has set it.
 */
export function busyPolicyFor(
  settings: AgentSettings,
  asked: { agent: string; place: { account: string; chat: string; thread: string } | null; mode: BusyPolicy | null },
): BusyPolicy | null {
  const ofPlace = asked.place ? keysOf(asked.place).flatMap((key) => settings.places.get(key) ?? [])[0] : null;
  return asked.mode ?? ofPlace ?? settings.agents.get(asked.agent) ?? null;
}

const PLACE_KEY = /^(telegram:-?\d+|slack:[^:\s]+:[^:\s]+)(:[^:\s]+)?$/;

/** The most exact first. A Telegram chat has one id for every bot; a Slack channel is named within its team. */
function keysOf({ account, chat, thread }: { account: string; chat: string; thread: string }): string[] {
  const key = `${account.startsWith("telegram:") ? "telegram" : account}:${chat}`;
  return thread === "" ? [key] : [`${key}:${thread}`, key];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
