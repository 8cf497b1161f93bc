import type { Message } from "../agent/message.ts";
import { GatewayError } from "../errors.ts";
import type { MessageId, RunId, SessionId } from "../ids.ts";
import { Doorbell, type Hints } from "../run/hints.ts";
import { type ArrivedRow, arrivalsAfter } from "../store/inbox.ts";
import { messagesAfter, type StoredMessage } from "../store/messages.ts";
import { eventsAfter, type StoredEvent } from "../store/run-events.ts";
import { isOpen, joinPoint, runsSince } from "../store/join-point.ts";
import type { Db } from "../store/schema.ts";
import type { TalkSession } from "../store/talk-sessions.ts";
import { ReaderPosition, type RunPosition } from "./reader-position.ts";

export interface FollowOptions {
  /** A cursor of an item, or "" for the beginning. `invalid` cursors reject. */
  after?: string;
  /** Goes on with what happens, until the abort. */
  follow?: boolean;
  signal?: AbortSignal;
  /** Without `follow`: stops after this many messages. */
  limit?: number;
}

/**
 * Looks into the store on behalf of the reader; `look` may run several times. Rejects `not_found` once the session is
 * not the reader's: a link that is undone takes it away.
 */
export type Look = <T>(look: (db: Db) => Promise<T>) => Promise<T>;

/**
 * What a reader gets, in order. `message`: part of the history. `accepted`: came in, waits for its run or is in it.
 * `event`: of a run; its final event is followed by the run's messages.
 */
export type FollowItem = { cursor: string } & (
  | ({ kind: "message" } & StoredMessage)
  | { kind: "accepted"; messageId: MessageId; message: Message; createdAt: Date }
  | { kind: "event"; runId: RunId; attempt: number; n: number; type: string; data: Record<string, unknown>; at: Date }
);

const PAGE = 200;
/** The first page is small, since messages may be large; the next ones grow while they fit. */
const FIRST_PAGE = 20;
/** Characters of each kind that a look holds, besides one item: its reader may be slow to take them. */
const HELD_CHARS = 500_000;
/** Hints wake a reader; this finds what happens on other replicas, of which only what comes in is hinted at. */
const POLL_MS = 500;
/** Where nothing happens the looks become rarer: a page that is left open should cost nothing. */
const IDLE_MS = 5_000;
const FINAL = new Set(["run.completed", "run.failed", "run.cancelled"]);
/** A reader that still has this many runs to read learns of no further ones: a cursor names all that it knows. */
const KNOWN_RUNS = 8;

/**
 * Reads a session from a cursor on: only what is committed, so every reader on every replica sees the same. Of one that
 * does not read, a page is held at most. Once this resolves the reader has joined: it gets every event from then on.
 * Rejects `invalid` for a bad cursor, also for one from beyond the session's end, which would hide what comes.
 */
export async function followSession(
  inside: Look,
  hints: Hints,
  session: Pick<TalkSession, "id" | "headSeq">,
  options: FollowOptions,
): Promise<AsyncIterable<FollowItem>> {
  const position = ReaderPosition.read(options.after ?? "", session.headSeq);
  await inside((db) => join(db, session.id, position));
  return readOn(inside, hints, session.id, position, options);
}

async function* readOn(
  inside: Look,
  hints: Hints,
  session: SessionId,
  position: ReaderPosition,
  options: FollowOptions,
): AsyncIterable<FollowItem> {
  const signal = options.signal ?? new AbortController().signal;
  const bell = new Doorbell();
  let pauseMs = POLL_MS;
  // The last thing that was read is an input, so its run will come.
  let expecting = false;
  const wake = () => {
    pauseMs = POLL_MS;
    bell.ring();
  };
  const unfollow = options.follow ? hints.follow(session, wake) : () => undefined;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let page = Math.min(PAGE, options.limit ?? FIRST_PAGE);
  try {
    while (!signal.aborted) {
      let progress = false;
      const seen = await inside((db) => readOnce(db, session, position, options.follow === true, page)).catch(ifGone);
      if (seen === null) return;
      page = seen.tooLarge ? seen.messages.length : Math.min(PAGE, page * 2);
      for (const item of look(seen, position)) {
        progress = true;
        expecting = item.kind === "accepted";
        yield item;
        left -= item.kind === "message" ? 1 : 0;
        if (left <= 0 || signal.aborted) return;
      }
      if (progress || expecting || position.runs.size > 0) pauseMs = POLL_MS;
      if (progress) continue;
      if (!options.follow) return;
      const waitMs = pauseMs;
      pauseMs = Math.min(waitMs * 2, IDLE_MS);
      await bell.wait(waitMs, signal);
    }
  } finally {
    unfollow();
  }
}

function ifGone(error: unknown): null {
  if (error instanceof GatewayError && error.code === "not_found") return null;
  throw error;
}

/**
 * A reader that comes into a running run sees its current attempt; the text of dead ones is void. One that comes back
 * waits for no run that it can learn nothing of: one of another session, or whose events are deleted.
 */
async function join(db: Db, session: SessionId, position: ReaderPosition): Promise<void> {
  if (position.joined) {
    for (const [run, at] of position.runs) at.final ||= await eventsAreGone(db, session, run, at);
    return;
  }
  const { open, startedMicros, arrivalNo } = await joinPoint(db, session);
  position.joined = { startedMicros, arrivalNo };
  for (const run of open) position.runs.set(run.id, { attempt: run.attempt, n: 0, final: false });
}

interface Seen {
  messages: StoredMessage[];
  /** There may be more messages than these. */
  more: boolean;
  /** Not all that were read could be held. */
  tooLarge: boolean;
  events: StoredEvent[];
  arrived: ArrivedRow[];
  /** There are runs that the reader does not know of yet. */
  behind: boolean;
}

/** The run is over, and what would come after a position was deleted. */
async function eventsAreGone(db: Db, session: SessionId, run: RunId, at: RunPosition): Promise<boolean> {
  if (await isOpen(db, session, run)) return false;
  return (await eventsAfter(db, session, run, at, 1)).length === 0;
}

/**
 * One look, in this order: the history first, so that each run with messages in it is found afterwards with all its
 * events; the inbox last, so that every input of those runs is found.
 */
async function readOnce(
  db: Db,
  session: SessionId,
  position: ReaderPosition,
  live: boolean,
  page: number,
): Promise<Seen> {
  const found = await messagesAfter(db, session, position.seq, page);
  const messages = fitting(found);
  const tooLarge = messages.length < found.length;
  const joined = position.joined!;
  const events: StoredEvent[] = [];
  const behind = live && position.runs.size >= KNOWN_RUNS;
  if (live && !behind) {
    const started = await runsSince(db, session, joined.startedMicros);
    for (const run of started.slice(0, KNOWN_RUNS)) {
      joined.startedMicros = run.startedMicros;
      if (!run.saved) position.runs.set(run.id, { attempt: 1, n: 0, final: false });
    }
  }
  // A reader of the history alone waits for no run.
  if (!live) position.runs.clear();
  for (const [run, at] of position.runs) {
    if (at.final) continue;
    const next = fitting(await eventsAfter(db, session, run, at, PAGE));
    events.push(...next);
    // Events are kept for a day after their run: the history must not wait for a final one that is gone.
    if (next.length === 0 && messages[0]?.runId === run) at.final = await eventsAreGone(db, session, run, at);
    if (next.some(({ type }) => FINAL.has(type))) break;
  }
  const inbox = await arrivalsAfter(db, session, joined.arrivalNo);
  const arrived = fitting(inbox);
  // Inputs come before their runs.
  if (arrived.length < inbox.length) events.length = 0;
  const more = tooLarge || found.length === page;
  return { messages, more, tooLarge, events, arrived, behind: behind || position.runs.size >= KNOWN_RUNS };
}

/**
 * What a look shows, each item with the cursor after it: the history before what waits, inputs before their runs, and
 * each run's messages right after its final event (by the next look), so that a reader that was cut off in between
 * gets the same order.
 */
function* look(seen: Seen, position: ReaderPosition): Iterable<FollowItem> {
  const seq = position.seq;
  yield* messagesOf(seen, position);
  if (seen.more && position.seq > seq) return;
  // What is final was so before this look began, so its messages have been read.
  for (const [run, at] of position.runs) if (at.final) position.runs.delete(run);
  for (const row of seen.arrived) {
    position.joined!.arrivalNo = row.arrivalNo;
    const message: Message = { role: "user", parts: row.parts, status: "complete" };
    if (row.author) message.author = row.author;
    const { messageId, receivedAt } = row;
    yield { kind: "accepted", cursor: position.write(), messageId, message, createdAt: receivedAt };
  }
  for (const event of seen.events) {
    const at = { attempt: event.attempt, n: event.n, final: FINAL.has(event.type) };
    position.runs.set(event.runId, at);
    yield { kind: "event", cursor: position.write(), ...event };
    if (at.final) return;
  }
}

function* messagesOf(seen: Seen, position: ReaderPosition): Iterable<FollowItem> {
  for (const stored of seen.messages) {
    // The run's events, or the rest of them, come first.
    if (position.runs.get(stored.runId)?.final ?? !seen.behind) {
      position.seq = stored.seq;
      yield { kind: "message", cursor: position.write(), ...stored };
    } else return;
  }
}

/** The first of the items, as many as a reader may hold; at least one. */
function fitting<T>(items: T[]): T[] {
  let left = HELD_CHARS;
  for (const [index, item] of items.entries()) {
    if (index > 0) left -= JSON.stringify(item).length;
    if (left < 0) return items.slice(0, index);
  }
  return items;
}
