import { type Block, blocksOf, type LiveRun, type RunEnd, type Thought } from "./live-run.ts";
import type { Talk } from "./talk.ts";
import type { SentFile, WireMessage } from "./wire.ts";

/** A message on its way to the gateway. */
export interface Sending {
  /** Its Idempotency-Key: sent again, it is the same message. */
  key: string;
  /** Once the gateway has it. */
  messageId: string | null;
  text: string;
  files: readonly SentFile[];
  at: string;
  /** Why it was refused; null = it is being sent. */
  refused: string | null;
  /** The gateway has not answered yet, and is asked again. */
  late: boolean;
}

export type Row =
  | { kind: "day"; key: string; day: string }
  | { kind: "user"; key: string; message: WireMessage; state: "stored" | "waiting" }
  | { kind: "sending"; key: string; sending: Sending }
  | AnswerRow
  /** A run is on its way. */
  | { kind: "soon"; key: string };

export interface AnswerRow {
  kind: "answer";
  key: string;
  runId: string;
  agent: string;
  traceId: string | null;
  /** Of its last message; null = not history yet. */
  messageId: string | null;
  blocks: readonly Block[];
  live: boolean;
  notice: string;
  end: RunEnd | null;
  /** The last piece of its run: here stand its end and what can be done about it. */
  last: boolean;
  at: string;
}

/** What stands on the page, from top to bottom. */
export function rowsOf(talk: Talk, sending: readonly Sending[]): Row[] {
  const rows = [...historyRows(talk)];
  const told = talk.accepted;
  const byId = new Map(told.map((message) => [message.message_id, message]));
  const joined = new Set(talk.runs.flatMap(({ blocks }) => blocks.flatMap(joinedIn)));
  let shown = 0;
  for (const run of talk.runs) {
    // By the database's clock: what came later waits, or has joined.
    for (; shown < told.length && told[shown]!.created_at <= run.startedAt; shown++) {
      if (!joined.has(told[shown]!.message_id)) rows.push(userRow(told[shown]!, "stored"));
    }
    rows.push(...liveRows(run, byId));
  }
  const waiting = told.slice(shown).filter(({ message_id: id }) => !joined.has(id));
  const busy = talk.runs.some(({ end }) => end === null);
  rows.push(...waiting.map((message) => userRow(message, busy ? "waiting" : "stored")));
  if (waiting.length > 0 && !busy) rows.push({ kind: "soon", key: "soon" });
  // One that is there, and of which only the gateway's answer is still under way, stands there once.
  const texts = told.filter(({ created_at: at }) => sending[0] && at >= sending[0].at).map(({ text }) => text);
  for (const item of sending) {
    if (item.messageId !== null && isKnown(talk, item.messageId)) continue;
    const at = item.refused === null && item.messageId === null ? texts.indexOf(item.text) : -1;
    if (at < 0) rows.push({ kind: "sending", key: item.key, sending: item });
    else texts.splice(at, 1);
  }
  return withDays(rows);
}

/** Looked for among the newest: it has only just been sent. */
export function isKnown(talk: Talk, messageId: string): boolean {
  const isIt = ({ message_id: id }: WireMessage) => id === messageId;
  return talk.accepted.some(isIt) || talk.messages.slice(-100).some(isIt);
}

const made = new WeakMap<readonly WireMessage[], { ends: Talk["ends"]; thoughts: Talk["thoughts"]; rows: Row[] }>();

/** Made once for each state of the history, which is long and seldom changes while an answer grows. */
function historyRows({ messages, ends, thoughts }: Talk): Row[] {
  const known = made.get(messages);
  if (known?.ends === ends && known.thoughts === thoughts) return known.rows;
  const rows: Row[] = [];
  for (let at = 0; at < messages.length;) {
    const run = messages[at]!.run_id;
    let end = at + 1;
    if (run !== null) while (messages[end]?.run_id === run) end++;
    rows.push(...storedRows(messages.slice(at, end), ends[run ?? ""], thoughts[run ?? ""]));
    at = end;
  }
  made.set(messages, { ends, thoughts, rows });
  return rows;
}

/** Of one run. */
function storedRows(messages: WireMessage[], end?: RunEnd, thoughts?: readonly Thought[]): Row[] {
  const last = messages.at(-1)!;
  const runId = last.run_id ?? last.message_id;
  const cut = last.status === "interrupted" || last.status === "truncated";
  const answer: Omit<AnswerRow, "key" | "blocks" | "last"> = {
    kind: "answer",
    runId,
    agent: last.agent ?? "",
    traceId: last.trace_id,
    messageId: messages.findLast(({ role }) => role === "assistant")?.message_id ?? null,
    live: false,
    notice: "",
    end: end ?? (cut ? { type: "cancelled", reason: last.status, message: "" } : null),
    at: last.created_at,
  };
  return pieces(
    answer,
    blocksOf(messages, thoughts),
    new Map(messages.map((message) => [message.message_id, message])),
  );
}

function liveRows(run: LiveRun, messages: ReadonlyMap<string, WireMessage>): Row[] {
  const { id: runId, agent, traceId, notice, end, startedAt: at } = run;
  const answer = { kind: "answer", runId, agent, traceId, messageId: null, notice, end, at } as const;
  return pieces({ ...answer, live: end === null }, run.blocks, messages);
}

/** An answer is cut where people's messages joined it; each piece has a name that outlives the merge. */
function pieces(
  answer: Omit<AnswerRow, "key" | "blocks" | "last">,
  blocks: readonly Block[],
  messages: ReadonlyMap<string, WireMessage>,
): Row[] {
  const rows: Row[] = [];
  let count = 0;
  let piece: Block[] = [];
  const close = (last: boolean) => {
    const shown = answer.live || (answer.end !== null && answer.end.type !== "completed");
    if (piece.length === 0 && !(last && shown)) return;
    rows.push({ ...answer, key: `${answer.runId}:${count++}`, blocks: piece, last });
    piece = [];
  };
  for (const block of blocks) {
    if (block.kind === "joined") {
      close(false);
      const message = messages.get(block.messageId);
      if (message) rows.push(userRow(message, "stored"));
    } else piece.push(block);
  }
  close(true);
  return rows;
}

function userRow(message: WireMessage, state: "stored" | "waiting"): Row {
  return { kind: "user", key: message.message_id, message, state };
}

function joinedIn(block: Block): string[] {
  return block.kind === "joined" ? [block.messageId] : [];
}

function withDays(rows: Row[]): Row[] {
  const all: Row[] = [];
  let day = "";
  for (const row of rows) {
    const at = timeOf(row);
    const own = at === null ? day : dayOf(at);
    if (own !== day) all.push({ kind: "day", key: `day:${own}`, day: own });
    day = own;
    all.push(row);
  }
  return all;
}

/** Of what is shown under its day; answers stand under their question's. */
function timeOf(row: Row): string | null {
  if (row.kind === "user") return row.message.created_at;
  return row.kind === "sending" ? row.sending.at : null;
}

/** The local one, as YYYY-MM-DD. */
export function dayOf(time: string | number | Date): string {
  const date = new Date(time);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
