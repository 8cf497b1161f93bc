import type { Agents } from "../agent/agents.ts";
import type { SessionId, UserId } from "../ids.ts";
import type { IncomingUpdate } from "../platform/incoming-update.ts";
import { withdrawOwn } from "../store/inbox.ts";
import { placeUsedLast } from "../store/places.ts";
import type { Db } from "../store/schema.ts";
import { stopOwn } from "../store/talk-sessions.ts";
import { type CommandScene, help, isChatCommand, runChatCommand, toldOfStop } from "./chat-commands.ts";

/**
 * Carries out a command that names a chat and no thread in it: on the talk there that was used last, but for `stop`,
 * which ends every answer the person asked for there. Returns what to answer and the sessions that are touched.
 */
export async function runChatWideCommand(
  db: Db,
  agents: Agents,
  update: Extract<IncomingUpdate, { kind: "command" }>,
  userId: UserId,
  words: Pick<CommandScene, "sign" | "texts" | "onBusy">,
): Promise<{ answer: string; sessions: SessionId[] }> {
  const { account, command, place, sender } = update;
  const { sign, texts } = words;
  if (!isChatCommand(command)) return { answer: texts.unknownCommand(sign), sessions: [] };
  const at = { account, chat: place.chat };
  if (command === "stop") {
    const asker = { senderId: sender.id, userId };
    const withdrawn = await withdrawOwn(db, at, asker);
    const sessions = await stopOwn(db, at, asker);
    return { answer: toldOfStop(sessions.length > 0, withdrawn, texts), sessions };
  }
  const known = await placeUsedLast(db, at, userId);
  if (!known) {
    const helps = command === "help" || command === "start";
    const none = command === "new" ? texts.noTalkInThreads : texts.noTalk;
    return { answer: helps ? `${help(words)}\n\n${none}` : none, sessions: [] };
  }
  const answer = await runChatCommand({ db, agents, place: known, ...words }, command, update.args);
  return { answer, sessions: [known.sessionId] };
}
