import { isGiven, isObject, jsonOf, requiredText, textOf } from "./args.ts";
import { key, type SessionStatus } from "./agent-threads.ts";
import { checkedBlocks } from "./block-rules.ts";
import type { FakeChannel, FakeMessage, Json } from "./channels.ts";
import { metadataOf, ownMessage } from "./chat-methods.ts";
import { messageEvent, messageJson } from "./message-json.ts";
import { threadRoot, writableChannel } from "./place-checks.ts";
import { Refusal, refusalWithWords } from "./refusal.ts";
import { endStream, isStreaming, openStream, streamOf, type StreamTask } from "./streams.ts";
import { tellOfChange, tellOfMessage } from "./tell.ts";
import type { ApiCall } from "./world.ts";

/** docs.slack.dev/reference/methods/chat.startStream: of one call. */
const MOST_MARKDOWN = 12_000;
const TASK_STATUSES = ["pending", "in_progress", "complete", "error"];

interface Piece {
  text: string;
  tasks: StreamTask[];
}

export function startStream(call: ApiCall): Json {
  const { world, args, entry } = call;
  const channel = writableChannel(call);
  if (channel.type !== "im") {
    for (const name of ["recipient_team_id", "recipient_user_id"]) {
      if (!isGiven(args, name)) throw new Refusal(`missing_${name}`);
    }
  }
  requiredText(args, "thread_ts");
  const root = threadRoot(call, channel)!;
  const piece = pieceOf(call);
  if (piece.text === "" && piece.tasks.length === 0) throw new Refusal("no_text");
  const message = channel.post({
    author: world.app.bot,
    at: world.now(),
    ts: world.directory.newTs(),
    threadTs: root.ts,
    text: piece.text,
    extra: {},
    fromApp: true,
    shown: shownOf(piece),
  });
  openStream(message, world.now(), piece);
  world.threads.cleared(channel.id, root.ts);
  setSession(call, channel, message, "processing");
  note(call, channel, message);
  entry.ts = message.ts;
  tellOfMessage(world, channel, message);
  return { channel: channel.id, ts: message.ts };
}

export function appendStream(call: ApiCall): Json {
  const { world, entry } = call;
  const { channel, message } = liveStream(call);
  const piece = pieceOf(call);
  if (piece.text === "" && piece.tasks.length === 0) throw new Refusal("no_text");
  entry.ts = message.ts;
  grow(call, channel, message, piece);
  world.changes.notify();
  return { channel: channel.id, ts: message.ts };
}

export function stopStream(call: ApiCall): Json {
  const { world, args, entry } = call;
  const { channel, message } = liveStream(call);
  const status = textOf(args, "session_status");
  if (!["", "active", "suspended", "closed"].includes(status)) {
    throw refusalWithWords("invalid_arguments", "must be one of: active, suspended, closed");
  }
  checkedBlocks(jsonOf(args, "blocks", "invalid_blocks_format"));
  const piece = pieceOf(call);
  const metadata = metadataOf(call) ?? message.metadata;
  const before = messageEvent(world.app, channel, message);
  if (piece.text !== "" || piece.tasks.length > 0) grow(call, channel, message, piece);
  endStream(message, "completed");
  Object.assign(message, { metadata });
  channel.events.push({ kind: "stream", message, shown: "(ends)" });
  if (status !== "") setSession(call, channel, message, status as SessionStatus);
  entry.ts = message.ts;
  tellOfChange(world, channel, message, before);
  return { channel: channel.id, ts: message.ts, message: messageJson(world.app, channel, message) };
}

/** One that can still grow. */
function liveStream(call: ApiCall): { channel: FakeChannel; message: FakeMessage } {
  const channel = writableChannel(call);
  const message = ownMessage(call, channel, "message_not_owned_by_app");
  if (streamOf(message)?.state === "stopped_by_user") throw new Refusal("stopped_by_user");
  if (!isStreaming(message, call.world.now())) throw new Refusal("message_not_in_streaming_state");
  return { channel, message };
}

function grow(call: ApiCall, channel: FakeChannel, message: FakeMessage, piece: Piece): void {
  const stream = streamOf(message)!;
  stream.text += piece.text;
  for (const task of piece.tasks) stream.tasks.set(task.id, task);
  const shown = shownOf({ text: stream.text, tasks: [...stream.tasks.values()] });
  Object.assign(message, { text: stream.text, shown });
  message.versions.push({ at: call.world.now(), text: stream.text, blocks: null, shown });
  channel.events.push({ kind: "stream", message, shown: shownOf(piece) });
  note(call, channel, message);
}

/** All that stands there together: pieces could be harmless one by one. */
function note({ world, method }: ApiCall, channel: FakeChannel, message: FakeMessage): void {
  const { text, tasks } = streamOf(message)!;
  world.live.note(method, channel.id, { markdown_text: text });
  for (const { title, details } of tasks.values()) {
    for (const shown of [title, details]) world.live.note(method, channel.id, { markdown_text: shown });
  }
}

/** facts of Slack's sessions: a stream begins one, and says when it stops what becomes of it. */
function setSession({ world }: ApiCall, channel: FakeChannel, { threadTs }: FakeMessage, status: SessionStatus): void {
  const at = key(channel.id, threadTs!);
  world.threads.sessions.set(at, { title: world.threads.sessions.get(at)?.title ?? "", status });
}

function pieceOf({ args }: ApiCall): Piece {
  const chunks = jsonOf(args, "chunks", "invalid_chunks") ?? [];
  const markdown = textOf(args, "markdown_text");
  if (!Array.isArray(chunks) || (markdown !== "" && chunks.length > 0)) throw new Refusal("invalid_chunks");
  const texts = chunks.filter((chunk: Json) => chunk["type"] === "markdown_text").map((chunk: Json) => chunk["text"]);
  const tasks = chunks.filter((chunk: Json) => chunk["type"] === "task_update");
  if (texts.length + tasks.length < chunks.length) throw new Refusal("invalid_chunks");
  if (!texts.every((text) => typeof text === "string" && text !== "")) throw new Refusal("invalid_chunks");
  const text = markdown + texts.join("");
  if (text.length > MOST_MARKDOWN) throw new Refusal("msg_too_long");
  return { text, tasks: tasks.map(taskOf) };
}

function taskOf(chunk: unknown): StreamTask {
  const known = new Set(["type", "id", "title", "status", "details", "output", "sources"]);
  if (!isObject(chunk) || !Object.keys(chunk).every((name) => known.has(name))) throw new Refusal("invalid_chunks");
  const { id, title, status, details = "" } = chunk;
  const texts = [id, title, status, details];
  if (!texts.every((text) => typeof text === "string") || id === "" || title === "")
    throw new Refusal("invalid_chunks");
  if (!TASK_STATUSES.includes(String(status))) throw new Refusal("invalid_chunks");
  return { id: String(id), title: String(title), status: String(status), details: String(details) };
}

const SIGNS: Readonly<Record<string, string>> = { pending: "…", in_progress: "⏳", complete: "✓", error: "✗" };

/** Tasks as cards below the text. */
function shownOf({ text, tasks }: Piece): string {
  const cards = tasks.map(
    ({ title, status, details }) => `[${SIGNS[status]} ${title}${details === "" ? "" : `: ${details}`}]`,
  );
  const all = [...(text === "" ? [] : [text]), ...cards].join("\n");
  return all.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
