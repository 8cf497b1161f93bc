import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError, publicMessage } from "../errors.ts";
import type { AgentCard } from "./agent-card.ts";
import { beyondFile, NAMED_FILE } from "./beyond-file.ts";
import type { FieldNotes } from "./card-fields.ts";
import { loadFunctions } from "./load-functions.ts";
import type { Message } from "./message.ts";
import { readNearFile } from "./near-file.ts";
import { hasFrontmatter, readCard, type VariableLookup } from "./read-card.ts";
import { emptyPlaceholders } from "./render-instruction.ts";
import { readSeed } from "./read-seed.ts";

/** What one file of the folder gave. */
export interface LoadedCard {
  /** Null = not a card, or a broken one. */
  card: AgentCard | null;
  faults: readonly string[];
  warnings: readonly string[];
  /** Of the file and of every file it names, by path: when they are all the same, so is the card. */
  stamps: ReadonlyMap<string, string>;
}

export const MAX_FILE_BYTES = 256 * 1024;

/** Changes with the file; "" = it is not a file. */
export async function stampOf(dir: string, path: string): Promise<string> {
  try {
    const info = await stat(join(dir, path));
    return info.isFile() ? `${info.mtimeMs}:${info.size}` : "";
  } catch (error) {
    return codeOf(error) || "unknown";
  }
}

/**
 * Reads a card and the files it names. Never rejects. `wasCard`: what is no card any more is a fault then. `edited`: an
 * operator's text that goes before the file's, as far as the file lets it.
 */
export async function loadCard(
  dir: string,
  name: string,
  lookup: VariableLookup,
  wasCard: boolean,
  edited?: string,
): Promise<LoadedCard> {
  const stamps = new Map([[name, await stampOf(dir, name)]]);
  const notes: FieldNotes = { faults: [], warnings: [] };
  const broken = (...faults: string[]): LoadedCard => ({ card: null, faults, warnings: [], stamps });
  try {
    if ((await stat(join(dir, name))).size > MAX_FILE_BYTES)
      return broken(`${name}: is larger than 256 kB; shorten it`);
    const written = await readFile(join(dir, name), "utf8");
    const text = edited ?? written;
    if (edited !== undefined) {
      const beyond = beyondFile(name, written, edited, lookup);
      if (beyond.length > 0) return broken(...beyond);
    }
    if (!wasCard && !isYaml(name) && !hasFrontmatter(text)) return broken();
    const { card, seedFiles, functions: named, warnings } = readCard(name, text, lookup);
    const near = new NearFiles(dir, stamps);
    const instruction = await includeFiles(card.instruction, near, notes.faults);
    notes.warnings.push(...emptyPlaceholders(instruction).map((sentence) => `instruction: ${sentence}`));
    const seed = await readSeeds(seedFiles, near, notes);
    const functions = await loadFunctions(dir, named, (path) => near.read(path), notes.faults);
    const prefixed = (sentences: readonly string[]) => sentences.map((sentence) => `${name}: ${sentence}`);
    if (notes.faults.length > 0) return broken(...prefixed(notes.faults));
    const version = createHash("sha256").update(text).update(instruction).digest("hex").slice(0, 16);
    const whole = { ...card, version, instruction, ...(seed.length > 0 && { seed }), ...(functions && { functions }) };
    return { card: whole, faults: [], warnings: [...warnings, ...prefixed(notes.warnings)], stamps };
  } catch (error) {
    if (error instanceof GatewayError) return broken(error.message);
    return broken(`${name}: cannot be read (${codeOf(error) || publicMessage(error)})`);
  }
}

/** The files one card names, and together no more than a card may have. */
class NearFiles {
  readonly #dir: string;
  readonly #stamps: Map<string, string>;
  #left = MAX_FILE_BYTES;

  constructor(dir: string, stamps: Map<string, string>) {
    this.#dir = dir;
    this.#stamps = stamps;
  }

  async read(path: string) {
    // Before its text, so that a change in between is seen with the next look.
    if (!this.#stamps.has(path)) this.#stamps.set(path, await stampOf(this.#dir, path));
    const near = await readNearFile(this.#dir, path, this.#left);
    if ("text" in near) this.#left -= Buffer.byteLength(near.text);
    return near;
  }
}

/** `{{file:path}}` becomes the file's text, `{{file_silent:path}}` nothing where there is no such file. */
async function includeFiles(instruction: string, near: NearFiles, faults: string[]): Promise<string> {
  const texts: string[] = [];
  for (const [placeholder, kind, written = ""] of instruction.matchAll(NAMED_FILE)) {
    const file = await near.read(written.trim());
    if ("text" in file) texts.push(file.text);
    else {
      texts.push("");
      if (kind === "file" || !file.missing) faults.push(`instruction: ${placeholder} ${file.fault}`);
    }
  }
  return instruction.replaceAll(NAMED_FILE, () => texts.shift() ?? "");
}

async function readSeeds(paths: readonly string[], near: NearFiles, notes: FieldNotes): Promise<Message[]> {
  const own: FieldNotes = { faults: [], warnings: [] };
  const messages: Message[] = [];
  for (const path of paths) {
    const file = await near.read(path);
    if ("text" in file) messages.push(...readSeed(path, file.text, own));
    else own.faults.push(`${path} ${file.fault}`);
  }
  notes.faults.push(...own.faults.map((fault) => `messages: ${fault}`));
  notes.warnings.push(...own.warnings.map((warning) => `messages: ${warning}`));
  return messages;
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
