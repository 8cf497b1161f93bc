import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { findDrafts } from "../delivery/find-drafts.ts";
import type { MessageId } from "../ids.ts";
import { type OutboxPage, pagesOfRun, removeDraft } from "../store/outbox.ts";
import { eventsOfRun, type StoredEvent } from "../store/run-events.ts";
import { unsteer } from "../store/run-levels.ts";
import { runInputs } from "../store/runs.ts";
import type { ClaimedRun } from "./claimed-run.ts";
import { readAttempts, type Remains } from "./resume.ts";
import type { RunRoom } from "./run-room.ts";
import type { TurnInput } from "./turn.ts";

/** What an attempt finds of those before it. */
export interface Found {
  turn: TurnInput[];
  events: StoredEvent[];
  remains: Remains;
  /** The messages that joined the run and are known to it, in order. */
  joined: MessageId[];
  /** How many joined it and were not read: they wait for its next boundary, or the next turn. */
  unread: number;
  pages: OutboxPage[];
}

/** Reads what earlier attempts of a run have left. `surely` repeats until the database has answered. */
export async function takeOver(
  room: RunRoom,
  claimed: ClaimedRun,
  adapter: PlatformAdapter | undefined,
  surely: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Found> {
  const { db } = room;
  const { session, id, target } = claimed;
  const inputs = await surely(() => runInputs(db, session, id));
  const joined = inputs.filter(({ steered }) => steered);
  const turn = inputs.filter(({ steered }) => !steered);
  const events = await surely(() => eventsOfRun(db, session, id));
  const remains = readAttempts(events);
  // What joined the run is known to it by its events only.
  const read = remains.kept.filter(({ role }) => role === "user").length;
  const unread = joined.slice(read).map(({ messageId }) => messageId);
  if (unread.length > 0) await surely(() => unsteer(db, claimed, unread));
  const pages = await surely(() => pagesOfRun(db, session, id));
  const found = target && adapter ? await findDrafts(db, adapter, target, claimed, pages, surely) : pages;
  // The answer is to stand below the questions that people have answered.
  const movesDown = claimed.asked && !claimed.end;
  const left = movesDown ? await surely(() => removeDraft(db, claimed, found)) : found;
  if (movesDown) room.hints.outbox();
  return {
    turn: turn.map((input) => ({ ...input, writtenAt: input.writtenAt.getTime() })),
    events,
    remains,
    joined: joined.slice(0, read).map(({ messageId }) => messageId),
    unread: unread.length,
    pages: left,
  };
}
