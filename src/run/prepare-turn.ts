import { capText } from "../agent/cap-text.ts";
import { Slots } from "../agent/slots.ts";
import { decodeText } from "../agent/decode-text.ts";
import type { DocumentReader } from "../agent/document-reader.ts";
import type { FilePart, Part } from "../agent/message.ts";
import type { Transcriber } from "../agent/transcriber.ts";
import { GatewayError } from "../errors.ts";
import { newId, readId, type SessionId } from "../ids.ts";
import type { AccessPolicy } from "../platform/access-gate.ts";
import type { Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import { keepTurn, readFiles, type SessionFile, type WritingRun } from "../store/files.ts";
import type { Root, RunTarget } from "../store/schema.ts";
import { withTransaction } from "../store/transaction.ts";
import { type FileFault, type Texts, textsFor } from "../texts/texts.ts";
import { readBackground } from "./background.ts";
import { type Fetched, fetchFile, MAX_FILE_BYTES, MAX_TURN_BYTES, type Source } from "./fetch-file.ts";
import type { TurnInput } from "./turn.ts";

/** Files of one turn; an album has at most ten. */
export const MAX_FILES = 20;
/** For all files of a turn, from the first call to the last word. */
const TURN_MS = 90_000;
/** UTF-8 bytes of text that one file, and all of a turn together, may add to what the model is sent. */
const MAX_TEXT = 60_000;
const MAX_TURN_TEXT = 120_000;
/** Files of one turn that are fetched at once. */
const AT_ONCE = 4;
/** Turns of a replica whose files are in memory at once. */
const TURNS_AT_ONCE = 4;

export interface TurnPreparerParts {
  db: Root;
  log: Log;
  documents: DocumentReader;
  /** Null = speech stays unheard. */
  transcriber: Transcriber | null;
  access: AccessPolicy;
}

/** A turn that is about to be run. `first`: nothing was said in its session before. */
export interface WaitingTurn {
  run: WritingRun & { target: RunTarget | null };
  inputs: TurnInput[];
  adapter: PlatformAdapter | undefined;
  first: boolean;
  signal: AbortSignal;
  /** Waits for a database that is away. */
  surely: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What became of one file of a message. */
interface Settled {
  part: FilePart;
  kept?: SessionFile;
}

/**
 * Makes a turn whole before the model sees it: fetches and reads the files that came with it, and at the first turn of
 * a thread what was said there before. What it finds is kept with the messages, so it is asked for once, whichever
 * replica goes on. A file that cannot be had or read does not keep the turn: model and person are told.
 */
export class TurnPreparer {
  readonly #parts: TurnPreparerParts;
  readonly #turns = new Slots(TURNS_AT_ONCE);
  readonly #reading = new Slots(1);

  constructor(parts: TurnPreparerParts) {
    this.#parts = parts;
  }

  /** The turn as the model is to see it, at once where there is nothing to do; null = the attempt is over. */
  async prepare(turn: WaitingTurn): Promise<TurnInput[] | null> {
    const { inputs, signal } = turn;
    const open = inputs.flatMap(({ message }) => message.parts.filter(isOpen));
    const background = await readBackground(this.#parts, turn);
    if (open.length === 0 && background.length === 0) return inputs;
    const late = AbortSignal.any([signal, AbortSignal.timeout(TURN_MS)]);
    const settle = () => this.#settle(open, turn, late);
    const settled =
      (open.length === 0 ? new Map<FilePart, Settled>() : await this.#turns.during(late, settle)) ??
      new Map(open.map((part) => [part, failed(part, "too_slow")]));
    // Stopped meanwhile: whoever goes on with these messages fetches what came with them.
    if (signal.aborted) return inputs;
    const prepared = inputs.map((input, index): TurnInput => {
      const parts: Part[] = input.message.parts.map((part) =>
        isOpen(part) ? (settled.get(part)?.part ?? part) : part,
      );
      return { ...input, message: { ...input.message, parts: index === 0 ? [...background, ...parts] : parts } };
    });
    return (await this.#keep(
      turn,
      prepared,
      open.flatMap((part) => settled.get(part) ?? []),
    ))
      ? prepared
      : null;
  }

  async #settle(open: FilePart[], turn: WaitingTurn, signal: AbortSignal): Promise<Map<FilePart, Settled>> {
    const budget = { left: MAX_TURN_BYTES };
    const maxText = Math.min(MAX_TEXT, Math.floor(MAX_TURN_TEXT / open.length));
    const settled = new Map<FilePart, Settled>();
    const queue = open.slice(0, MAX_FILES);
    for (const part of open.slice(MAX_FILES)) settled.set(part, failed(part, "too_many"));
    const work = async () => {
      for (let part = queue.shift(); part; part = queue.shift()) {
        const files = part.file === undefined ? turn.adapter?.files : uploads(this.#parts.db, turn.run.session);
        settled.set(part, await this.#settleOne(part, files, budget, maxText, signal));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return settled;
  }

  async #settleOne(
    part: FilePart,
    files: Source | undefined,
    budget: { left: number },
    maxText: number,
    signal: AbortSignal,
  ): Promise<Settled> {
    if ((part.kind === "voice" || part.kind === "audio") && !this.#parts.transcriber) return failed(part, "unheard");
    if (!files) return failed(part, "unreachable");
    const fetched = await fetchFile(files, part, budget, signal);
    if ("fault" in fetched) return failed(part, signal.aborted ? "too_slow" : fetched.fault);
    try {
      return await this.#read(part, fetched, maxText, signal);
    } catch (error) {
      this.#parts.log.warn({ err: error }, "a file could not be read");
      return failed(part, signal.aborted ? "too_slow" : "damaged");
    }
  }

  async #read(
    part: FilePart,
    { bytes, media }: Extract<Fetched, { bytes: Buffer }>,
    maxText: number,
    signal: AbortSignal,
  ): Promise<Settled> {
    const found = { ...part, mediaType: media.mediaType };
    switch (media.reads) {
      case "image":
        return kept({ ...found, kind: "image" }, bytes);
      case "text":
        return kept(found, bytes, capText(decodeText(bytes), maxText));
      case "audio": {
        const { transcriber } = this.#parts;
        if (!transcriber) return failed(part, "unheard");
        if (bytes.length > transcriber.maxBytes) return failed(part, "too_large");
        const said = await transcriber.transcribe({ bytes, mediaType: media.mediaType }, signal);
        return said.trim() === "" ? failed(part, "empty") : kept(found, bytes, capText(said.trim(), maxText));
      }
      case "document": {
        const read = await this.#reading.during(signal, () => this.#parts.documents.read(bytes, signal));
        if (read === null) return failed(part, "too_slow");
        if ("fault" in read) return failed(part, read.fault);
        if (read.text.trim() === "") return failed(part, "empty");
        return kept({ ...found, mediaType: read.mediaType }, bytes, capText(read.text.trim(), maxText));
      }
      case "nothing":
        return failed(part, "unsupported");
      default:
        return media.reads satisfies never;
    }
  }

  /** Files and messages, together or not at all. */
  #keep({ run, surely }: WaitingTurn, prepared: TurnInput[], settled: Settled[]): Promise<boolean> {
    const messages = prepared.map(({ messageId, message }) => ({ messageId, parts: message.parts }));
    const files = settled.flatMap(({ kept: file }) => (file ? [file] : []));
    return surely(() => withTransaction(this.#parts.db, (trx) => keepTurn(trx, run, messages, files)));
  }
}

/** What a person is told of the files of their turn that could not be read; "" = nothing. */
export function unreadFiles(turn: readonly TurnInput[], texts: Texts): string {
  const words = textsFor("en").fileFaults;
  const unread = turn.flatMap(({ message }) =>
    message.parts.flatMap((part) => {
      if (part.type !== "file") return [];
      const fault = (Object.keys(words) as FileFault[]).find((each) => words[each] === part.problem);
      return fault ? [{ name: part.name, kind: part.kind, fault }] : [];
    }),
  );
  return texts.filesNotRead(unread);
}

/** A file that nobody has tried to have yet, or to read: one that was uploaded is there already. */
function isOpen(part: Part): part is FilePart {
  return part.type === "file" && part.problem === undefined && (part.file === undefined || part.ref !== undefined);
}

/** Those that were uploaded into a session. */
function uploads(db: Root, session: SessionId): Source {
  return {
    maxFetchBytes: MAX_FILE_BYTES,
    async fetch(ref) {
      const id = readId("fil", ref);
      const [file] = id ? await readFiles(db, session, [id]) : [];
      if (!file) throw new GatewayError("not_found", "This file is not kept any more.");
      return (async function* () {
        yield file.bytes;
      })();
    },
  };
}

function failed({ ref: _ref, ...part }: FilePart, fault: FileFault): Settled {
  return { part: { ...part, problem: textsFor("en").fileFaults[fault] } };
}

function kept({ ref: _ref, ...part }: FilePart, bytes: Buffer, text?: string): Settled {
  const id = part.file ?? newId("fil");
  const whole = { ...part, size: bytes.length, file: id, ...(text === undefined ? {} : { text }) };
  if (part.file !== undefined) return { part: whole };
  return { part: whole, kept: { id, name: part.name, mediaType: part.mediaType, bytes } };
}
