import { GatewayError, publicMessage } from "../errors.ts";
import type { AgentCard } from "./agent-card.ts";
import type { CardFiles } from "./agents.ts";
import type { AgentSettings } from "./agent-settings.ts";
import { type EditedPlaces, PLACES, readPlaces, withPlaces } from "./edited-places.ts";
import { loadOutside, placeOf } from "./load-outside.ts";
import { readOutside } from "./read-outside.ts";

/** What operators have set of an agent over the API. */
export interface AgentRecord {
  name: string;
  enabled: boolean;
  description: string;
  /** As parley.yaml would write it; null = the agent stands in a file. */
  remote: Readonly<Record<string, unknown>> | null;
  limits: Readonly<Record<string, unknown>>;
}

export interface RegisteredAgentsOptions {
  read: () => Promise<AgentRecord[]>;
  /** As operators have edited cards. */
  readEdits: () => Promise<ReadonlyMap<string, { no: number; text: string | null }>>;
  lookup: (name: string) => string | undefined;
  /** Told of faults that a reload met, each once. */
  onFault: (fault: GatewayError) => void;
}

export interface RegisteredAgents extends CardFiles {
  /** Whom people can choose, and those that are switched off; where each one comes from. */
  all(): { card: AgentCard; registered: boolean }[];
}

/**
 * The agents of the files with those that were registered, and without those that were switched off: these are there,
 * so that a talk with one is told so, but nobody can choose them. Of one name, the file's agent counts.
 */
export function withRegistered(files: CardFiles, options: RegisteredAgentsOptions): RegisteredAgents {
  let records: readonly AgentRecord[] = [];
  let registered: readonly AgentCard[] = [];
  let told = "";
  let placesText = "";
  let places: EditedPlaces = new Map();
  /** What is set, as the files were when the places were joined to it. */
  let joined: { of: AgentSettings; settings: AgentSettings } | null = null;

  /** What cannot be read any more leaves places as they were. */
  function adoptPlaces(text: string): void {
    if (text === placesText) return;
    placesText = text;
    try {
      places = readPlaces(text);
      joined = null;
    } catch (error) {
      options.onFault(new GatewayError("invalid", publicMessage(error), { cause: error }));
    }
  }

  function settings(): AgentSettings {
    const of = files.settings();
    if (joined?.of !== of) joined = { of, settings: withPlaces(of, places) };
    return joined.settings;
  }

  let readEdits: Record<string, number> = {};
  let running: Promise<void> | null = null;

  async function reload(): Promise<void> {
    const newest = await options.readEdits().catch(() => undefined);
    const edits = newest && new Map([...newest].flatMap(([file, { text }]) => (text === null ? [] : [[file, text]])));
    if (edits) adoptPlaces(edits.get(PLACES) ?? "");
    await files.reload(edits);
    if (newest) readEdits = Object.fromEntries([...newest].map(([file, { no }]) => [file, no]));
    try {
      const next = await options.read();
      if (JSON.stringify(next) === JSON.stringify(records)) return;
      const faults: string[] = [];
      const cards: AgentCard[] = [];
      for (const record of next) {
        if (record.remote === null) continue;
        const known = registered.find(({ name }) => name === record.name);
        const { card, faults: wrong } = await cardOf(record, options.lookup);
        if (card) cards.push(card);
        else if (known) cards.push(known);
        faults.push(...wrong);
      }
      records = next;
      registered = cards;
      if (faults.length > 0 && faults.join("\n") !== told)
        options.onFault(new GatewayError("invalid", faults.join("\n")));
      told = faults.join("\n");
    } catch (error) {
      // The database is away, which others tell; what was read last counts until it is back.
      if (!(error instanceof GatewayError))
        options.onFault(new GatewayError("internal", publicMessage(error), { cause: error }));
    }
  }

  const off = (name: string) => records.some((record) => record.name === name && !record.enabled);
  const withState = (card: AgentCard): AgentCard => (off(card.name) ? { ...card, off: true } : card);
  const others = () => registered.filter(({ name }) => files.get(name) === null).map(withState);
  const choosable = () => [...files.list().map(withState), ...others()].filter((card) => !card.off);

  return {
    get(name) {
      const card = files.get(name) ?? registered.find((each) => each.name === name);
      return card ? withState(card) : null;
    },
    default() {
      const card = withState(files.default());
      return card.off ? (choosable()[0] ?? card) : card;
    },
    list: choosable,
    all: () => [
      ...files.list().map((card) => ({ card: withState(card), registered: false })),
      ...others().map((card) => ({ card, registered: true })),
    ],
    settings,
    edits: () => readEdits,
    textOfFile: (file) => files.textOfFile(file),
    faultsOfEdit: (file, text) => files.faultsOfEdit(file, text),
    reload: () => (running ??= reload().finally(() => (running = null))),
  };
}

/** The card of a registered agent, or what is wrong with what is said of it, a sentence each. */
export async function cardOf(
  { name, description, remote, limits }: AgentRecord,
  lookup: (name: string) => string | undefined,
): Promise<{ card: AgentCard | null; faults: string[] }> {
  const faults: string[] = [];
  const settings = readOutside(`agents.${name}`, { remote, limits, description }, lookup, faults);
  const place = placeOf(name);
  const told = () => faults.map((fault) => fault.replace(`agents.${name}.`, "").replace(place, name));
  if (!settings || faults.length > 0) return { card: null, faults: told() };
  const { card } = await loadOutside("", name, settings);
  return { card, faults: told() };
}
