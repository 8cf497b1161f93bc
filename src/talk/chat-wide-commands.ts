import type { Agents } from "../agent/agents.ts";
import type { SessionId, UserId } from "../ids.ts";
import type { IncomingUpdate } from "../platform/incoming-update.ts";
import { withdrawOwn } from "../store/inbox.ts";
import { placeUsedLast } from "../store/places.ts";
import type { Db } from "../store/schema.ts";
import { stopOwn } from "../store/talk-sessions.ts";
import { help, isChatCommand, runChatCommand, toldOfStop, unknownCommand } from "./chat-commands.ts";

const NO_TALK = "No talk is open here yet. Write to me (in a group by my name), and one begins.";
const NEW_TALK = "No talk is open here. Where every talk is a thread, a new message begins a new one.";

/**
 * Carries out a command that names a chat and no thread in it: on the talk there that was used last, but for `stop`,
 * which ends every answer the person asked for there. Returns what to answer and the sessions that are touched.
 */
export async function runChatWideCommand(
  db: Db,
  agents: Agents,
  update: Extract<IncomingUpdate, { kind: "command" }>,
  userId: UserId,
  sign: string,
): Promise<{ answer: string; sessions: SessionId[] }> {
  const { account, command, place, sender } = update;
  if (!isChatCommand(command)) return { answer: unknownCommand(sign), sessions: [] };
  const at = { account, chat: place.chat };
  if (command === "stop") {
    const asker = { senderId: sender.id, userId };
    const withdrawn = await withdrawOwn(db, at, asker);
    const sessions = await stopOwn(db, at, asker);
    return { answer: toldOfStop(sessions.length > 0, withdrawn), sessions };
  }
  const known = await placeUsedLast(db, at, userId);
  if (!known) {
    const helps = command === "help" || command === "start";
    return { answer: command === "new" ? NEW_TALK : helps ? `${help(sign)}\n\n${NO_TALK}` : NO_TALK, sessions: [] };
  }
  const answer = await runChatCommand(db, agents, known, command, update.args, sign);
  return { answer, sessions: [known.sessionId] };
}
