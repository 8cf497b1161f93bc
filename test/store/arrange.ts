import { runLevels } from "../../src/store/run-levels.ts";
import { sql } from "kysely";
import type { Message } from "../../src/agent/message.ts";
import { accountId, newId, type OutboxId, type RunId, type SessionId, type UserId } from "../../src/ids.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { acceptKnown, type Arrival, type ArrivingMessage } from "../../src/store/inbox.ts";
import { type ClaimedLane, claimLanes, type LaneState, readLanes } from "../../src/store/lanes.ts";
import { insertReply } from "../../src/store/outbox.ts";
import { type Place, upsertPlace } from "../../src/store/places.ts";
import { insertRuns, type Merge } from "../../src/store/runs.ts";
import type { MergedPage } from "../../src/store/show-pages.ts";
import type { Db, RunTarget, Schema } from "../../src/store/schema.ts";
import { insertSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import type { Kysely } from "kysely";

const API = accountId("api", "gateway");
export const BOT = accountId("telegram", "1");
export const ME = newId("rep");
export const OTHER = newId("rep");

export interface Talk {
  id: SessionId;
  userId: UserId;
}

/** A session of the API; of a new user if none is given. */
export async function newTalk(db: Db, userId = newId("usr")): Promise<Talk> {
  const talk = { id: newId("ses"), userId };
  await insertSession(db, { ...talk, agent: "demo", placeId: null });
  return talk;
}

let keys = 0;

/** A message over the API, under a key of its own. */
export function say(talk: Talk, text = "hi", updateKey = `key ${(keys += 1)}`): ArrivingMessage {
  return {
    account: API,
    updateKey,
    messageId: newId("msg"),
    parts: [{ type: "text", text }],
    language: "",
    writtenAt: new Date(),
    session: talk,
    place: null,
  };
}

/** A chat with someone in it who is approved, or not. */
export async function newChat(
  db: Kysely<Schema>,
  options: { kind?: "private" | "group"; chat?: string; thread?: string; sender?: string; approved?: boolean } = {},
): Promise<Place & { sender: string }> {
  const { kind = "private", chat = newId("plc"), thread = "", approved = true } = options;
  const sender = options.sender ?? chat;
  return withTransaction(db, async (trx) => {
    const person = await upsertIdentity(trx, "telegram", sender, "Ann");
    if (approved) {
      await trx.updateTable("identities").set({ approved_at: new Date() }).where("external_id", "=", sender).execute();
    }
    const place = await upsertPlace(trx, BOT, { kind, chat, thread, title: "Chat" }, person.userId, "demo");
    return { ...place, sender };
  });
}

export function sayIn(
  place: { chat: string; thread: string; sender: string; kind?: "private" | "group" },
  text = "hi",
  updateKey = `key ${(keys += 1)}`,
): ArrivingMessage {
  return {
    account: BOT,
    updateKey,
    messageId: newId("msg"),
    parts: [{ type: "text", text }],
    language: "",
    writtenAt: new Date(),
    session: null,
    place: {
      chat: place.chat,
      thread: place.thread,
      platform: "telegram",
      senderId: place.sender,
      senderName: "Ann",
      authored: place.kind === "group",
      open: false,
      chatMessageId: `m ${updateKey}`,
      burst: null,
    },
  };
}

export function accept(db: Db, ...messages: ArrivingMessage[]): Promise<Arrival[]> {
  return acceptKnown(db, messages, ME);
}

/** Claims every lane that is ready, as one replica's claim does, and reads them. */
export function claimAll(db: Kysely<Schema>, replica = ME, takeOver = false): Promise<LaneState[]> {
  return withTransaction(db, async (trx) => readLanes(trx, await claimLanes(trx, replica, 100, takeOver)));
}

export interface StartedRun {
  session: SessionId;
  id: RunId;
  attempt: number;
  lane: ClaimedLane;
  arrivals: number;
  inputThrough: number;
  target: RunTarget | null;
  firstPage: OutboxId | null;
}

/** Claims the lanes that are ready and starts a run in each, on everything that waits there. */
export async function startRuns(db: Kysely<Schema>, replica = ME): Promise<StartedRun[]> {
  return withTransaction(db, async (trx) => {
    const lanes = await readLanes(trx, await claimLanes(trx, replica, 100, false));
    const runs = lanes.map((lane) => runOn(lane));
    await insertRuns(
      trx,
      replica,
      runs.map(({ run, inputs }) => ({
        id: run.id,
        lane: run.lane,
        agent: "demo",
        policy: "interrupt",
        language: "",
        inputThrough: run.inputThrough,
        authors: [],
        target: run.target,
        queuedAt: new Date(),
        inputs,
        firstPage: run.firstPage,
      })),
    );
    return runs.map(({ run }) => run);
  });
}

export async function startRun(db: Kysely<Schema>, replica = ME): Promise<StartedRun> {
  const runs = await startRuns(db, replica);
  if (runs.length !== 1) throw new Error(`${runs.length} lanes were ready`);
  return runs[0]!;
}

export function runOn(lane: LaneState): { run: StartedRun; inputs: number[] } {
  const { place } = lane;
  const target: RunTarget | null = place && {
    account: place.account_id,
    chat: place.chat,
    thread: place.thread,
    replyTo: place.kind === "group" ? (lane.waiting.at(-1)?.chat_message_id ?? null) : null,
    placeKind: place.kind,
  };
  return {
    run: {
      session: lane.session_id,
      id: newId("run"),
      attempt: 1,
      lane: { session_id: lane.session_id, lane: lane.lane, lease_no: lane.lease_no },
      arrivals: lane.arrivals,
      inputThrough: lane.waiting.at(-1)!.arrival_no,
      target,
      firstPage: target ? newId("out") : null,
    },
    inputs: lane.waiting.map((input) => input.arrival_no),
  };
}

export function mergeOf(run: StartedRun, changes: Partial<Merge> = {}): Merge {
  return {
    session: run.session,
    run: run.id,
    attempt: run.attempt,
    lane: run.lane,
    arrivals: run.arrivals,
    keepLane: false,
    state: "completed",
    endReason: "stop",
    errorCode: null,
    block: [said("user", "question"), said("assistant", "answer")],
    title: "question",
    events: [{ n: 1, type: "run.completed", data: { stopReason: "stop" } }],
    usage: [],
    target: run.target,
    pages: [],
    returnInputs: false,
    ratios: {},
    ...changes,
  };
}

export function said(role: Message["role"], text: string): Merge["block"][number] {
  return { messageId: newId("msg"), message: { role, parts: [{ type: "text", text }], status: "complete" } };
}

export function pageOf(id: OutboxId, page: number, changes: Partial<MergedPage> = {}): MergedPage {
  return {
    id,
    messageId: null,
    page,
    content: { text: `page ${page}` },
    shown: false,
    remove: false,
    repeat: false,
    ...changes,
  };
}

/** A place for answers of the gateway itself. */
export const HERE: RunTarget = { account: BOT, chat: "c", thread: "", replyTo: null, placeKind: "private" };

export async function reply(db: Db, target = HERE, text = "hi"): Promise<OutboxId> {
  const id = newId("out");
  await insertReply(db, { id, session: null, target, content: { text } });
  return id;
}

export const idsOf = (pages: { id: OutboxId }[]) => pages.map((page) => page.id);

/** Lets a lease run out, or an outbox row's: the database's clock cannot be turned. */
export async function expireLeases(db: Db): Promise<void> {
  await sql`update lanes set lease_until = now() - interval '1 second' where lease_until is not null`.execute(db);
  await sql`update outbox set lease_until = now() - interval '1 second' where lease_until is not null`.execute(db);
  await sql`update accounts set intake_until = now() - interval '1 second'`.execute(db);
}

/** Makes everything in the outbox that is due at all due now. */
export async function hurryOutbox(db: Db): Promise<void> {
  await sql`update outbox set due_at = now() where due_at is not null`.execute(db);
}

export interface PageRow {
  id: OutboxId;
  state: string;
  message_id: string | null;
  due: boolean;
  owner: string | null;
  remove: boolean;
  repeat: boolean;
  chat: string;
  thread: string;
  content: unknown;
  error: string | null;
}

export async function outboxRows(db: Db): Promise<PageRow[]> {
  const { rows } = await sql<PageRow>`
    select id, state, message_id, due_at is not null as due, owner, remove, repeat, chat, thread, content, error
    from outbox order by created_at, page`.execute(db);
  return rows;
}

export async function outboxRow(db: Db, id: OutboxId): Promise<PageRow> {
  const row = (await outboxRows(db)).find((each) => each.id === id);
  if (!row) throw new Error(`no page ${id}`);
  return row;
}

export interface LaneRow {
  session_id: SessionId;
  arrivals: number;
  owner: string | null;
  lease_no: number;
  readyInMs: number;
}

export async function laneRows(db: Db): Promise<LaneRow[]> {
  const { rows } = await sql<LaneRow>`
    select session_id, arrivals, owner, lease_no,
           (extract(epoch from ready_at - clock_timestamp()) * 1000)::float8 as "readyInMs"
    from lanes order by session_id`.execute(db);
  return rows;
}

/** A promise from outside, for the order of two transactions. */
export function signal(): { given: Promise<void>; give(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { given: promise, give: resolve };
}

/**
 * A transaction that is left open after `work` until `end` is called, however long that takes; `begun` resolves when
 * `work` is done.
 */
export function openTransaction<T>(
  db: Kysely<Schema>,
  work: (trx: Db) => Promise<T>,
): { begun: Promise<T>; end(): Promise<void> } {
  const begun = Promise.withResolvers<T>();
  const end = signal();
  const over = withTransaction(db, async (trx) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(trx);
    begun.resolve(await work(trx));
    await end.given;
  });
  over.catch(begun.reject);
  return {
    begun: begun.promise,
    async end() {
      end.give();
      await over;
    },
  };
}

/** Resolves when `count` connections of the test's database wait for a lock. Postgres only. */
export async function untilBlocked(db: Db, count = 1): Promise<void> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
    if (rows[0]!.n >= count) return;
    if (performance.now() > deadline) throw new Error("nobody waits for a lock");
  }
}

/** Which of these runs end, and by what. */
export async function runsToEnd(
  db: Db,
  runs: { session: SessionId; id: RunId }[],
): Promise<{ id: RunId; by: "stop" | "interrupt" }[]> {
  const levels = await runLevels(db, runs);
  return levels.flatMap(({ id, stopped, own, policy }): { id: RunId; by: "stop" | "interrupt" }[] => {
    if (stopped) return [{ id, by: "stop" }];
    return own && policy === "interrupt" ? [{ id, by: "interrupt" }] : [];
  });
}
