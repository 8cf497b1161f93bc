import type { SentEvent } from "../kit/read-events.ts";
import { beginRun, goOn, type LiveRun, type RunEnd, type Thought, thoughtsIn } from "./live-run.ts";
import type { WireMessage, WireThought } from "./wire.ts";

/** A session as this page knows it. Changed by `readEvent` and its neighbours alone, so that nothing is shown twice. */
export interface Talk {
  /** The history without gaps, from the oldest message that was loaded to the newest. */
  messages: readonly WireMessage[];
  /** There is older history. */
  hasOlder: boolean;
  /** What came in and is not history yet, in order. */
  accepted: readonly WireMessage[];
  /** Runs whose messages are not history yet. */
  runs: readonly LiveRun[];
  /** How runs ended, where the history does not say it. */
  ends: Readonly<Record<string, RunEnd>>;
  /** What the model thought in runs that are history: it is in no message. */
  thoughts: Readonly<Record<string, readonly Thought[]>>;
  /** After which event the next one comes. */
  cursor: string;
}

export const EMPTY_TALK: Talk = {
  messages: [],
  hasOlder: false,
  accepted: [],
  runs: [],
  ends: {},
  thoughts: {},
  cursor: "",
};

/** How many ends are remembered: those of runs whose messages may be on the screen. */
const MAX_ENDS = 200;

/** The talk after an event of its stream. Whatever comes again changes nothing. */
export function readEvent(talk: Talk, { id, event, data }: SentEvent): Talk {
  const next = change(talk, event, data);
  return id === "" ? next : { ...next, cursor: id };
}

/** With a page of older history. */
export function addOlder(talk: Talk, page: readonly WireMessage[], hasOlder: boolean): Talk {
  const first = talk.messages[0]?.seq ?? Number.POSITIVE_INFINITY;
  const older = page.filter(({ seq }) => seq !== null && seq < first);
  return { ...talk, messages: [...older, ...talk.messages], hasOlder };
}

/** Without what was withdrawn, of which no event tells. */
export function dropWithdrawn(talk: Talk, ids: ReadonlySet<string>): Talk {
  const accepted = without(talk.accepted, ({ message_id: id }) => ids.has(id));
  return accepted === talk.accepted ? talk : { ...talk, accepted };
}

/** Of what came in only this still waits: the rest was withdrawn. */
export function keepWaiting(talk: Talk, ids: ReadonlySet<string>, lookedAt: readonly WireMessage[]): Talk {
  const looked = new Set(lookedAt.map(({ message_id: id }) => id));
  const accepted = talk.accepted.filter(({ message_id: id }) => ids.has(id) || !looked.has(id));
  return accepted.length === talk.accepted.length ? talk : { ...talk, accepted };
}

export function recordEnds(talk: Talk, ends: Record<string, RunEnd>): Talk {
  return { ...talk, ends: { ...ends, ...talk.ends } };
}

export function recordThoughts(talk: Talk, thoughts: readonly WireThought[]): Talk {
  const read = Object.groupBy(thoughts, ({ run_id: run }) => run) as Record<string, readonly Thought[]>;
  return { ...talk, thoughts: { ...read, ...talk.thoughts } };
}

/** Something is answered or will be. */
export function isBusy(talk: Talk): boolean {
  return talk.accepted.length > 0 || talk.runs.some(({ end }) => end === null);
}

function change(talk: Talk, event: string, data: Record<string, unknown>): Talk {
  if (event === "message") return addMessage(talk, data as unknown as WireMessage);
  if (event === "accepted") return addAccepted(talk, data as unknown as WireMessage);
  const id = data["run_id"];
  return typeof id === "string" ? changeRun(talk, id, event, data) : talk;
}

function addMessage(talk: Talk, message: WireMessage): Talk {
  const { seq, message_id: id, run_id: run } = message;
  const last = talk.messages.at(-1)?.seq ?? 0;
  // Its run shows it no longer: both never stand side by side.
  const ended = talk.runs.find((live) => live.id === run);
  const thoughts = ended ? thoughtsIn(ended.blocks) : [];
  return {
    ...talk,
    messages: seq !== null && seq > last ? [...talk.messages, message] : talk.messages,
    accepted: without(talk.accepted, ({ message_id: other }) => other === id),
    runs: without(talk.runs, (live) => live.id === run),
    ends: ended?.end ? newest(talk.ends, ended.id, ended.end) : talk.ends,
    thoughts: ended && thoughts.length > 0 ? newest(talk.thoughts, ended.id, thoughts) : talk.thoughts,
  };
}

function addAccepted(talk: Talk, message: WireMessage): Talk {
  const isThere = ({ message_id: id }: WireMessage) => id === message.message_id;
  // Newest first: what comes again is not old.
  if (talk.accepted.some(isThere) || talk.messages.findLast(isThere)) return talk;
  return { ...talk, accepted: [...talk.accepted, message] };
}

function changeRun(talk: Talk, id: string, type: string, data: Record<string, unknown>): Talk {
  const at = talk.runs.findIndex((run) => run.id === id);
  // A late event of a run that is history.
  if (at < 0 && talk.messages.findLast(({ run_id: run }) => run === id)) return talk;
  const run = talk.runs[at] ?? beginRun(id, data);
  const attempt = Number(data["attempt"]);
  const n = Number(data["n"]);
  if (attempt < run.attempt || (attempt === run.attempt && n <= run.n)) return talk;
  const next = { ...goOn(run, type, data), attempt, n };
  return { ...talk, runs: at < 0 ? [...talk.runs, next] : talk.runs.with(at, next) };
}

function newest<T>(of: Readonly<Record<string, T>>, id: string, last: T): Readonly<Record<string, T>> {
  const entries = Object.entries(of);
  const kept = entries.length < MAX_ENDS ? of : Object.fromEntries(entries.slice(-MAX_ENDS / 2));
  return { ...kept, [id]: last };
}

/** The same list where nothing is taken away. */
function without<T>(list: readonly T[], taken: (item: T) => boolean): readonly T[] {
  return list.some(taken) ? list.filter((item) => !taken(item)) : list;
}
