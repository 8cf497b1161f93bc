import type { Agents } from "../agent/agents.ts";
import { newId } from "../ids.ts";
import { withdrawWaiting } from "../store/inbox.ts";
import { openSessionAt, type Place } from "../store/places.ts";
import { sessionActivity } from "../store/runs.ts";
import type { Db } from "../store/schema.ts";
import { findSession, insertSession, listSessions, stopSession } from "../store/talk-sessions.ts";

/** Sessions `/sessions` lists. */
const LISTED = 10;

const CHAT_COMMANDS = {
  start: "say hello",
  help: "what I can do",
  new: "start a new talk",
  stop: "stop the running answer",
  status: "what is going on",
  sessions: "earlier talks of this chat",
} as const;

export function unknownCommand(sign: string): string {
  return `I do not know that command. ${sign}help lists those I know.`;
}

type Word = keyof typeof CHAT_COMMANDS;

export function isChatCommand(word: string): word is Word {
  return Object.hasOwn(CHAT_COMMANDS, word);
}

/**
 * Carries a command out inside its accept transaction and returns what to answer, as Markdown. Repeats of the update
 * never get here. `sign` goes before a command's word where it was given.
 */
export async function runChatCommand(
  db: Db,
  agents: Agents,
  place: Place,
  command: Word,
  args: string,
  sign: string,
): Promise<string> {
  switch (command) {
    case "start":
      return `Hello! I am **${agents.default().name}**. Write to me, and I answer here.\n\n${help(sign)}`;
    case "help":
      return help(sign);
    case "new":
      return startNew(db, agents, place, sign);
    case "stop":
      return stop(db, place);
    case "status":
      return status(db, place);
    case "sessions":
      return args.trim() === "" ? list(db, place, sign) : resume(db, place, args.trim(), sign);
    default:
      return command satisfies never;
  }
}

export function help(sign: string): string {
  return Object.entries(CHAT_COMMANDS)
    .map(([word, what]) => `${sign}${word} – ${what}`)
    .join("\n");
}

async function startNew(db: Db, agents: Agents, place: Place, sign: string): Promise<string> {
  const stopped = await stopWork(db, place);
  const session = newId("ses");
  await insertSession(db, { id: session, userId: place.userId, agent: agents.default().name, placeId: place.id });
  await openSessionAt(db, place.id, session);
  return `A new talk begins; I remember nothing of the old one here. ${sign}sessions brings it back.${stopped}`;
}

async function stop(db: Db, place: Place): Promise<string> {
  const { running } = await sessionActivity(db, place.sessionId);
  await stopSession(db, place.sessionId);
  const withdrawn = await withdrawWaiting(db, place.sessionId);
  return toldOfStop(running, withdrawn);
}

export function toldOfStop(running: boolean, withdrawn: number): string {
  if (!running && withdrawn === 0) return "Nothing is running.";
  const also = withdrawn === 0 ? "" : ` ${messages(withdrawn)} that waited will not be answered.`;
  return running ? `⏹ Stopped.${also}` : `⏹${also}`;
}

/** Leaves a session for another: its run ends, what waits in it is withdrawn, and the person is told. */
async function stopWork(db: Db, place: Place): Promise<string> {
  const { running } = await sessionActivity(db, place.sessionId);
  await stopSession(db, place.sessionId);
  const withdrawn = await withdrawWaiting(db, place.sessionId);
  const parts = [
    ...(running ? ["The running answer was stopped."] : []),
    ...(withdrawn > 0 ? [`${messages(withdrawn)} that waited will not be answered.`] : []),
  ];
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}

async function status(db: Db, place: Place): Promise<string> {
  const session = await findSession(db, place.userId, place.sessionId);
  const { running, waiting } = await sessionActivity(db, place.sessionId);
  const doing = running ? "I am answering." : "Nothing is running.";
  const behind = waiting === 0 ? "" : ` ${messages(waiting)} wait.`;
  return [
    `**${escape(session?.title || "New talk")}** with ${session?.agent ?? "an agent"}, ${messages(session?.headSeq ?? 0)} so far.`,
    `${doing}${behind}`,
  ].join("\n");
}

async function list(db: Db, place: Place, sign: string): Promise<string> {
  const sessions = await listSessions(db, place.userId, { limit: LISTED, place: place.id });
  const lines = sessions.map((session, index) => {
    const here = session.id === place.sessionId ? " ← this one" : "";
    return `${index + 1}. ${escape(session.title || "New talk")} (${session.updatedAt.toISOString().slice(0, 10)})${here}`;
  });
  return `${lines.join("\n")}\n\nOpen one with ${sign}sessions and its number, for example ${sign}sessions 2.`;
}

async function resume(db: Db, place: Place, args: string, sign: string): Promise<string> {
  const sessions = await listSessions(db, place.userId, { limit: LISTED, place: place.id });
  const chosen = /^\d{1,2}$/.test(args) ? sessions[Number(args) - 1] : undefined;
  if (!chosen) return `There is no talk of that number here. ${sign}sessions lists them.`;
  if (chosen.id === place.sessionId) return "That talk is open already.";
  const stopped = await stopWork(db, place);
  await openSessionAt(db, place.id, chosen.id);
  return `We go on with **${escape(chosen.title || "New talk")}**.${stopped}`;
}

function messages(count: number): string {
  return count === 1 ? "1 message" : `${count} messages`;
}

/** Titles are the person's words, not Markdown. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>~|#]/g, (sign) => `\\${sign}`);
}
