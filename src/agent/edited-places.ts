import { GatewayError } from "../errors.ts";
import { type AgentSettings, readSettings, SETTINGS_FILE, type SettingsOf } from "./agent-settings.ts";
import type { AgentCard } from "./agent-card.ts";
import { readYamlMapping } from "./read-yaml.ts";

/** What operators have edited of places stands among the edits under this name, which no card's file can have. */
export const PLACES = "places";
/** Not what costs money, nor which tools may run: that is for who owns the machine. */
const FREE = ["on_busy", "agent", "listen", "feedback", "memory"];

export type EditedPlaces = ReadonlyMap<string, SettingsOf>;

/** Reads a section `places` as parley.yaml has it. Throws GatewayError `invalid` that lists all faults, one a line. */
export function readPlaces(text: string): EditedPlaces {
  const mapping = readYamlMapping(text);
  const faults = "faults" in mapping ? mapping.faults : [];
  for (const [section, value] of "faults" in mapping ? [] : mapping.entries) {
    if (section !== "places") faults.push(`${section}: can be changed in ${SETTINGS_FILE} alone`);
    else faults.push(...heldFields(value));
  }
  if (faults.length > 0) throw new GatewayError("invalid", faults.join("\n"));
  try {
    return readSettings(text).places;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new GatewayError("invalid", error.message.replaceAll(`${SETTINGS_FILE}: `, ""), { cause: error });
  }
}

/** Why nobody would take this for what is set of places; nothing = somebody would. */
export function faultsOfPlaces(text: string, agentOf: (name: string) => AgentCard | null): string[] {
  try {
    return [...readPlaces(text)].flatMap(([place, { agent }]) => {
      if (agent === undefined) return [];
      const card = agentOf(agent);
      if (card && !card.toolOnly) return [];
      return [
        `places.${place}.agent: ${card ? `"${agent}" is for other agents alone` : `there is no agent "${agent}"`}`,
      ];
    });
  } catch (error) {
    if (error instanceof GatewayError) return error.message.split("\n");
    throw error;
  }
}

/** Field by field, what was edited goes before what the file says. */
export function withPlaces(settings: AgentSettings, edited: EditedPlaces): AgentSettings {
  if (edited.size === 0) return settings;
  const places = new Map(settings.places);
  for (const [place, fields] of edited) places.set(place, { ...places.get(place), ...fields });
  return { ...settings, places };
}

function heldFields(places: unknown): string[] {
  if (typeof places !== "object" || places === null) return [];
  return Object.entries(places).flatMap(([place, fields]) =>
    Object.keys((fields as object | null) ?? {})
      .filter((field) => !FREE.includes(field))
      .map((field) => `places.${place}.${field}: can be changed in ${SETTINGS_FILE} alone`),
  );
}
