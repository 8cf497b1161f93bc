import type { SessionId, UserId } from "../ids.ts";
import type { IncomingUpdate } from "../platform/incoming-update.ts";
import { readStopValue, STOP_HERE } from "../platform/stop-button.ts";
import type { Db } from "../store/schema.ts";
import { stopOwn } from "../store/talk-sessions.ts";

/**
 * A stop button ends the answer it stands under, or those at its place, for those who asked for it. Returns the session
 * it has changed; none = it has no effect: the answer is over, stands elsewhere, is somebody else's, or the value is none
 * of ours.
 */
export async function pressButton(
  db: Db,
  { account, place, sender, value }: Extract<IncomingUpdate, { kind: "press" }>,
  userId: UserId | null,
): Promise<SessionId[]> {
  const run = readStopValue(value);
  if (!run && value !== STOP_HERE) return [];
  const at = { account, chat: place.chat, thread: place.thread, ...(run ? { run } : {}) };
  return stopOwn(db, at, { senderId: sender.id, userId });
}
