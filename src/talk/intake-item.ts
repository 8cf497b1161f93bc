import type { IncomingUpdate } from "../platform/incoming-update.ts";
import type { ArrivingMessage } from "../store/inbox.ts";

/** What comes in: from a platform, or for a session that its user names. */
export type Item = { update: IncomingUpdate } | { message: ArrivingMessage };

export function keyOf(item: Item): string {
  return "update" in item
    ? `${item.update.account} ${item.update.key}`
    : `${item.message.account} ${item.message.updateKey}`;
}

/** What must stay in order. */
export function chatOf(item: Item): string {
  if ("message" in item) return `session ${item.message.session?.id}`;
  const { update } = item;
  return `${update.account} ${"place" in update ? update.place.chat : "chat" in update ? update.chat : update.key}`;
}

/** Chats where several people write in one batch: one of them may be new here, and must not be overtaken. */
export function chatsOfSeveral(items: Item[]): Set<string> {
  const senders = new Map<string, string>();
  const mixed = new Set<string>();
  for (const item of items) {
    if (!("update" in item) || !("sender" in item.update)) continue;
    const chat = chatOf(item);
    const { id } = item.update.sender;
    if ((senders.get(chat) ?? id) !== id) mixed.add(chat);
    senders.set(chat, id);
  }
  return mixed;
}
