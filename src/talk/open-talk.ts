import { createHash } from "node:crypto";
import type { AgentCard } from "../agent/agent-card.ts";
import { type FilePart, type Message, type Part } from "../agent/message.ts";
import { newId, type SessionId, type UserId } from "../ids.ts";
import { findThread, keepThread, takeThread } from "../store/chat-threads.ts";
import { insertFile, type SessionFile } from "../store/files.ts";
import { insertPast } from "../store/messages.ts";
import { withReach } from "../store/reach.ts";
import { sessionActivity } from "../store/runs.ts";
import type { Root, Trx } from "../store/schema.ts";
import { findSession, type TalkSession } from "../store/talk-sessions.ts";
import type { AgentService } from "./agent-service.ts";

/** A message as a client without sessions sends it, every time again. */
export interface SentMessage {
  role: "user" | "assistant";
  text: string;
  images: { bytes: Buffer; mediaType: string }[];
}

/** What a client without sessions sends: all that was said, and what is new. */
export interface SentTalk {
  agent: AgentCard;
  /** What the client calls its user; null = nothing. */
  name: string | null;
  /** How the client wants the agent to answer; "" = it says nothing of it. */
  wish: string;
  past: SentMessage[];
  turn: SentMessage;
}

/** The session that is gone on with, and what comes before the words of the turn. */
export interface OpenTalk {
  session: TalkSession;
  before: Part[];
}

/**
 * Finds the session that a client's messages go on with, or makes one of them. It goes on where all of them were said in
 * a session of this user, up to its end; so a client that sends them all every time has one session per conversation,
 * and another one from where it edits or asks again. Of a client that names its user and sends nothing of the past, it
 * is that user's one session with the agent.
 */
export async function openTalk(
  { db, service }: { db: Root; service: AgentService },
  user: UserId,
  sent: SentTalk,
): Promise<OpenTalk> {
  const { agent, name, wish, past, turn } = sent;
  const named = name !== null && past.length === 0 ? nameKey(agent.name, name) : null;
  const known = await withReach(db, { kind: "user", user }, async (trx) => {
    const session = await findKnown(trx, user, named, sent);
    return session && { session, before: await keepImages(trx, session.id, turn) };
  });
  if (known) return known;

  const made = await service.createTalkSession(user, { agent: agent.name, title: firstWords(past[0] ?? turn) });
  const { id, userId } = made;
  return withReach(db, { kind: "user", user: userId }, async (trx) => {
    const history: Message[] = [];
    for (const { role, text, images } of past) {
      const files = await keepImages(trx, id, { images });
      history.push({ role, parts: [...files, { type: "text", text }], status: "complete" });
    }
    await insertPast(trx, id, history);
    if (named !== null) await keepThread(trx, userId, named, { session: id, headSeq: null });
    const wishes: Part[] = wish === "" ? [] : [{ type: "context", kind: "client", author: "", text: wish }];
    const before = [...wishes, ...(await keepImages(trx, id, turn))];
    return { session: { ...made, headSeq: history.length }, before };
  });
}

/** Pictures of a turn in a session that its client names. */
export async function keepTurnImages(db: Root, user: UserId, session: SessionId, turn: SentMessage): Promise<Part[]> {
  if (turn.images.length === 0) return [];
  return withReach(db, { kind: "user", user }, (trx) => keepImages(trx, session, turn));
}

/** To be called when the turn is answered: what goes on from this answer goes on in this session. */
export async function keepAnswer(
  db: Root,
  { userId, id, headSeq }: TalkSession,
  sent: Pick<SentTalk, "agent" | "past" | "turn">,
  answer: string,
): Promise<void> {
  const said: SentMessage[] = [...sent.past, sent.turn, { role: "assistant", text: answer, images: [] }];
  const key = pastKey(sent.agent.name, said);
  await withReach(db, { kind: "user", user: userId }, (trx) => keepThread(trx, userId, key, { session: id, headSeq }));
}

async function findKnown(trx: Trx, user: UserId, named: string | null, sent: SentTalk): Promise<TalkSession | null> {
  if (named !== null) {
    const thread = await findThread(trx, user, named);
    return thread && findSession(trx, user, thread.session);
  }
  if (sent.past.length === 0) return null;
  const thread = await takeThread(trx, user, pastKey(sent.agent.name, sent.past));
  const session = thread && (await findSession(trx, user, thread.session));
  if (!session || session.headSeq !== thread?.headSeq) return null;
  const { running, waiting } = await sessionActivity(trx, session.id);
  return running || waiting > 0 ? null : session;
}

async function keepImages(trx: Trx, session: SessionId, { images }: Pick<SentMessage, "images">): Promise<FilePart[]> {
  const parts: FilePart[] = [];
  for (const { bytes, mediaType } of images) {
    const file: SessionFile = { id: newId("fil"), name: "", mediaType, bytes };
    await insertFile(trx, session, file);
    parts.push({ type: "file", kind: "image", name: "", mediaType, size: bytes.length, file: file.id });
  }
  return parts;
}

function nameKey(agent: string, name: string): string {
  return `name ${digest([agent, name])}`;
}

/** Clients trim what they show and send again. */
function pastKey(agent: string, said: readonly SentMessage[]): string {
  const words = said.map(({ role, text, images }) => [
    role,
    text.trim(),
    ...images.map(({ bytes }) => createHash("sha256").update(bytes).digest("hex")),
  ]);
  return `past ${digest([agent, words])}`;
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

function firstWords({ text }: SentMessage): string {
  const words = text.replaceAll(/\s+/g, " ").trim();
  return words.length <= 60 ? words : `${words.slice(0, 59).toWellFormed()}…`;
}
