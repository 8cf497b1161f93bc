import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError, publicMessage } from "../errors.ts";
import type { AgentCard } from "./agent-card.ts";
import { type AgentSettings, NO_SETTINGS, NO_SOURCES, readSettings, SETTINGS_FILE } from "./agent-settings.ts";
import { childFaults } from "./child-faults.ts";
import { loadCard, type LoadedCard, MAX_FILE_BYTES, stampOf } from "./load-card.ts";
import { loadOutside, placeOf } from "./load-outside.ts";
import type { OutsideSettings } from "./read-outside.ts";
import type { VariableLookup } from "./read-card.ts";
import { ownProvider, type ProviderSources } from "./read-providers.ts";
import { faultOfModel } from "./resolve-model.ts";

/** The agents of a directory. A card handed out stays what it is: a reload replaces cards, it never changes one. */
export interface Agents {
  /** Null = there is no such agent. Also those that people cannot choose. */
  get(name: string): AgentCard | null;
  default(): AgentCard;
  /** Whom people can choose, in the order of their files' names. */
  list(): readonly AgentCard[];
  /** Of agents and places, from parley.yaml; nothing is set without that file. */
  settings(): AgentSettings;
  /** Which edits of cards and places were read last, by their files' names; left out: nobody edits any. */
  edits?(): Readonly<Record<string, number>>;
  /**
   * Reads files whose time or size changed. Never rejects: a broken file keeps its previous card, a set that does not
   * fit together keeps the previous set, and each is told to `onFault` once. When to call it is the caller's affair.
   * `edits`: as operators have edited cards; left out: as at the reload before.
   */
  reload(edits?: CardEdits): Promise<void>;
}

/** The agents of a directory whose cards operators edit. */
export interface CardFiles extends Agents {
  /** What a card's file says, edited or not. Throws GatewayError `not_found`. */
  textOfFile(file: string): Promise<string>;
  /** Why the set would not take this text for that file's; nothing = it would. */
  faultsOfEdit(file: string, text: string): Promise<readonly string[]>;
}

/** Texts of cards that go before what stands in the files of these names. */
export type CardEdits = ReadonlyMap<string, string>;

export interface AgentsOptions {
  lookup?: VariableLookup;
  /** The operator's choice, which goes before a card's `default: true`; without both it is the first card. */
  defaultAgent?: string | null;
  /** Why a card gets no tools of a server that it names; null = it may. Left out: nothing is known of servers. */
  faultOfServer?: (server: string) => string | null;
  /** Where the keys of providers come from; left out: there are none. */
  providers?: ProviderSources;
  /** Told of settings that hold from now on, the first ones too. */
  onSettings?: (settings: AgentSettings) => void;
  /** Told of faults that a reload met; the sentences name file, field and remedy. */
  onFault?: (fault: GatewayError) => void;
  /** Told what a card asks for and does not get here, a sentence each time, whenever its file was read. */
  onWarning?: (warning: string) => void;
}

/** The settings and when they were read; "" = there is no file. */
type SettingsRead = { stamp: string; settings: AgentSettings };

type Scan = { files: Files; faults: string[]; warnings: string[] };

/** Card null = no card: skipped, or broken from the start. `from`: of an agent without a file, what made it. */
type FileRead = Pick<LoadedCard, "card" | "stamps"> & { from?: OutsideSettings; edited?: string };

type Files = ReadonlyMap<string, FileRead>;

/** Not cards although they may look like one; parley.yaml holds the gateway's own settings of agents. */
const NO_CARDS = ["readme.md", "skill.md", "parley.yaml", "parley.yml"];

/**
 * Loads the cards of a flat directory. Rejects with one GatewayError `invalid` that lists every fault of every file,
 * one a line, so that a start can print them all.
 */
export async function loadAgents(dir: string, options: AgentsOptions = {}): Promise<CardFiles> {
  const lookup = options.lookup ?? (() => undefined);
  const wanted = options.defaultAgent ?? null;
  const sources = options.providers ?? NO_SOURCES;
  const noneNow = (): SettingsRead => ({ stamp: "", settings: { ...NO_SETTINGS, providers: ownProvider(sources) } });
  let none = noneNow();
  let changes = sources.changes?.() ?? 0;
  // Before the cards, which may name no variable that holds a provider's key.
  const settingsFirst = await scanSettings(dir, none, none, sources);
  const first = await scan(dir, new Map(), lookup, settingsFirst.read);
  const warn = (warnings: readonly string[]) => warnings.forEach((warning) => options.onWarning?.(warning));
  const warnOfServers = (now: Files, before: Files) => warn(faultsOfServers(now, before, options.faultOfServer));
  // With a broken file the set is not whole, and what is missing in it would be said twice.
  const ofFirstSet = () => [
    ...faultsOfSet(first.files, wanted),
    ...unknownModels(cardsOf(first.files), settingsFirst.read),
    ...unknownAgents(settingsFirst.read, first.files),
  ];
  const ofEach = [...first.faults, ...settingsFirst.faults];
  const faults = ofEach.length > 0 ? ofEach : ofFirstSet();
  if (faults.length > 0) throw new GatewayError("invalid", faults.join("\n"));

  warn(first.warnings);
  warnOfServers(first.files, new Map());
  let files = first.files;
  let edits: CardEdits = new Map();
  let read: SettingsRead = settingsFirst.read;
  let { settings } = read;
  let own = cardsOf(files);
  let cards = withFallbacks(own, settings);
  options.onSettings?.(settings);
  let lasting = "";
  let running: Promise<void> | null = null;

  async function reload(): Promise<void> {
    let ofFiles: string[] = [];
    let ofSet: string[];
    try {
      const keys = sources.changes?.() ?? 0;
      if (keys !== changes) {
        none = noneNow();
        if (![none.stamp, GONE].includes(read.stamp)) read = { ...read, stamp: `${read.stamp}, other keys` };
      }
      changes = keys;
      const scanned = await scanSettings(dir, read, none, sources);
      read = scanned.read;
      const next = await scan(dir, files, lookup, read, edits);
      warn(next.warnings);
      warnOfServers(next.files, files);
      ({ files, faults: ofFiles } = next);
      ofFiles.push(...scanned.faults);
      ofSet = [...faultsOfSet(files, wanted), ...unknownModels(cardsOf(files), read)];
      adopt(ofSet.length === 0 ? cardsOf(files) : own);
      ofSet.push(...unknownAgents(read, files));
    } catch (error) {
      ofSet = [publicMessage(error)];
    }
    // A file's fault comes once, with its change; these come back with every reload, so they are compared.
    const told = ofSet.join("\n");
    const news = told === lasting ? ofFiles : [...ofFiles, ...ofSet];
    lasting = told;
    if (news.length > 0) options.onFault?.(new GatewayError("invalid", news.join("\n")));
  }

  /** Settings that leave an agent without its provider wait until its card is mended, too. */
  function adopt(next: readonly AgentCard[]): void {
    const before = settings;
    if (unknownModels(next, read).length === 0) ({ settings } = read);
    own = next;
    cards = withFallbacks(own, settings);
    if (settings !== before) options.onSettings?.(settings);
  }

  return {
    get: (name) => cards.find((card) => card.name === name) ?? null,
    default: () => defaultOf(cards, wanted) as AgentCard,
    list: () => choosable(cards),
    settings: () => settings,
    reload(next) {
      edits = next ?? edits;
      return (running ??= reload().finally(() => (running = null)));
    },
    async textOfFile(file) {
      if (!files.has(file)) throw new GatewayError("not_found", "There is no such card.");
      return readFile(join(dir, file), "utf8");
    },
    async faultsOfEdit(file, text) {
      return (await loadEdit(dir, file, lookup, read, text)).faults;
    },
  };
}

/**
 * Reads what changed since `previous`; a file that cannot be read keeps its previous card and is a fault once. Throws
 * GatewayError when the directory itself cannot be read.
 */
async function scan(
  dir: string,
  previous: Files,
  lookup: VariableLookup,
  set: SettingsRead,
  edits: CardEdits = new Map(),
): Promise<Scan> {
  const files = new Map<string, FileRead>();
  const faults: string[] = [];
  const warnings: string[] = [];
  const keep = (name: string, read: LoadedCard, made: Pick<FileRead, "from" | "edited"> = {}) => {
    faults.push(...read.faults);
    warnings.push(...read.warnings);
    const card = read.faults.length > 0 ? (previous.get(name)?.card ?? null) : read.card;
    files.set(name, { card, stamps: read.stamps, ...made });
  };
  for (const name of await listFiles(dir)) {
    const before = previous.get(name);
    const edited = edits.get(name);
    if (before && before.edited === edited && (await isUnchanged(dir, before.stamps))) {
      files.set(name, before);
      continue;
    }
    const read = await loadCard(dir, name, lookup, Boolean(before?.card));
    const stamp = read.stamps.get(name);
    // A folder, or removed between the listing and the reading.
    if (stamp === "" || stamp === "ENOENT") continue;
    const better =
      edited === undefined || read.faults.length > 0 ? null : await loadEdit(dir, name, lookup, set, edited);
    if (better) faults.push(...better.faults.map((fault) => `${fault} (as edited; the file counts)`));
    const stamps = new Map([...read.stamps, ...(better?.stamps ?? [])]);
    keep(name, { ...(better?.card ? better : read), stamps }, edited === undefined ? {} : { edited });
  }
  for (const [agent, { outside }] of set.settings.agents) {
    if (!outside) continue;
    const name = placeOf(agent);
    const before = previous.get(name);
    const same = before?.from === outside && (await isUnchanged(dir, before.stamps));
    if (same) files.set(name, before);
    else keep(name, await loadOutside(dir, agent, outside), { from: outside });
  }
  return { files, faults, warnings };
}

/** An edit that its file does not let be, or that nobody can run, is none: the file counts. Never rejects. */
async function loadEdit(
  dir: string,
  file: string,
  lookup: VariableLookup,
  set: SettingsRead,
  text: string,
): Promise<LoadedCard> {
  const read = await loadCard(dir, file, lookup, true, text);
  const unknown = read.card ? unknownModels([read.card], set) : [];
  return unknown.length > 0 ? { ...read, card: null, faults: unknown } : read;
}

async function isUnchanged(dir: string, stamps: ReadonlyMap<string, string>): Promise<boolean> {
  for (const [path, stamp] of stamps) {
    if ((await stampOf(dir, path)) !== stamp) return false;
  }
  return true;
}

/** Of a file that was there at the look before. */
const GONE = "gone";

/** Never rejects: a file that cannot be read keeps the previous settings and is a fault once. */
async function scanSettings(
  dir: string,
  previous: SettingsRead,
  none: SettingsRead,
  sources: ProviderSources,
): Promise<{ read: SettingsRead; faults: string[] }> {
  const { settings } = previous;
  let stamp = "unread";
  try {
    const file = join(dir, SETTINGS_FILE);
    const info = await stat(file);
    stamp = `${info.mtimeMs}:${info.size}`;
    if (stamp === previous.stamp) return { read: previous, faults: [] };
    if (info.size > MAX_FILE_BYTES) throw new GatewayError("invalid", `${SETTINGS_FILE}: is larger than 256 kB`);
    return { read: { stamp, settings: readSettings(await readFile(file, "utf8"), sources) }, faults: [] };
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      // Some editors take a file away for a moment, and without it everything would be allowed.
      if (previous.stamp === none.stamp || previous.stamp === GONE) return { read: none, faults: [] };
      return { read: { stamp: GONE, settings }, faults: [`${SETTINGS_FILE}: is gone, and with it what it had set`] };
    }
    if (stamp === previous.stamp) return { read: previous, faults: [] };
    const fault = error instanceof GatewayError ? error.message : unreadable(SETTINGS_FILE, error);
    return { read: { stamp, settings }, faults: [fault] };
  }
}

async function listFiles(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter(mayBeCard).toSorted();
  } catch (cause) {
    const sentence = `the directory of agents cannot be read (${codeOf(cause)}); make it, or set AGENTS_DIR`;
    throw new GatewayError("invalid", sentence, { cause });
  }
}

/** What is wrong with cards that are each fine alone. */
function faultsOfSet(files: Files, wanted: string | null): string[] {
  const faults: string[] = [];
  const fileOf = new Map<string, string>();
  let defaultFile: string | null = null;
  for (const [file, { card }] of files) {
    if (!card) continue;
    const other = fileOf.get(card.name);
    if (other) faults.push(`${file}: name: "${card.name}" is taken by ${other}; rename one of them`);
    else fileOf.set(card.name, file);
    if (!card.default) continue;
    if (defaultFile) faults.push(`${file}: default: ${defaultFile} is the default already; keep one of them`);
    else defaultFile = file;
  }
  faults.push(...childFaults(cardsOf(files)));
  const names = [...new Set(choosable(cardsOf(files)).map(({ name }) => name))];
  if (fileOf.size === 0) faults.push("there is no agent: put a card into the directory of agents (AGENTS_DIR)");
  else if (names.length === 0)
    faults.push("there is no agent for people: every card says tool_only; remove it from one");
  else if (wanted !== null && !names.includes(wanted)) {
    const says = fileOf.has(wanted) ? `"${wanted}" is for other agents alone` : `there is no agent "${wanted}"`;
    faults.push(`DEFAULT_AGENT: ${says}; there are ${names.join(", ")}`);
  }
  return faults;
}

/** Of cards that were read anew: servers whose tools they will not have. */
function faultsOfServers(files: Files, before: Files, faultOf: AgentsOptions["faultOfServer"]): string[] {
  const fresh = [...files].filter(([file, { card }]) => card !== null && card !== before.get(file)?.card);
  return fresh.flatMap(([file, { card }]) =>
    (card?.servers ?? []).flatMap((server) => {
      const fault = faultOf?.(server) ?? null;
      return fault === null ? [] : [`${file}: servers: "${server}" ${fault}`];
    }),
  );
}

/** Of cards: models whose provider nobody has set up. */
function unknownModels(cards: readonly AgentCard[], { settings }: SettingsRead): string[] {
  return cards.flatMap(({ file, model }) => {
    const fault = model === null ? null : faultOfModel(model, settings.providers);
    return fault === null ? [] : [`${file}: model: ${fault}`];
  });
}

function withFallbacks(cards: readonly AgentCard[], { agents }: AgentSettings): readonly AgentCard[] {
  return cards.map((card) => {
    const fallback = agents.get(card.name)?.fallback;
    return fallback ? { ...card, fallback } : card;
  });
}

/** Settings for agents that are not there; they have no effect. */
function unknownAgents({ settings }: SettingsRead, files: Files): string[] {
  const cards = new Map(cardsOf(files).map((card) => [card.name, card]));
  const ofAgents = [...settings.agents]
    .filter(([name, { outside }]) => !outside && !cards.has(name))
    .map(([name]) => `agents.${name}: there is no agent "${name}"`);
  const ofPlaces = [...settings.places].flatMap(([place, { agent }]) => {
    const card = cards.get(agent ?? "");
    if (!agent || (card && !card.toolOnly)) return [];
    return `places.${place}.agent: ${card ? `"${agent}" is for other agents alone` : `there is no agent "${agent}"`}`;
  });
  return [...ofAgents, ...ofPlaces].map((fault) => `${SETTINGS_FILE}: ${fault}`);
}

function choosable(cards: readonly AgentCard[]): readonly AgentCard[] {
  return cards.filter(({ toolOnly }) => !toolOnly);
}

function cardsOf(files: Files): readonly AgentCard[] {
  return Object.freeze([...files.values()].flatMap(({ card }) => card ?? []));
}

function defaultOf(all: readonly AgentCard[], wanted: string | null): AgentCard | undefined {
  const cards = choosable(all);
  return cards.find(({ name }) => name === wanted) ?? cards.find((card) => card.default) ?? cards[0];
}

function mayBeCard(name: string): boolean {
  return /^[^.].*\.(md|markdown|ya?ml)$/i.test(name) && !NO_CARDS.includes(name.toLowerCase());
}

function unreadable(name: string, error: unknown): string {
  return `${name}: cannot be read (${codeOf(error) || publicMessage(error)})`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
