import type { Agents } from "../agent/agents.ts";
import type { Part } from "../agent/message.ts";
import { newId } from "../ids.ts";
import type { IncomingUpdate } from "../platform/incoming-update.ts";
import type { ArrivingMessage } from "../store/inbox.ts";
import type { RunTarget } from "../store/schema.ts";
import { addressee } from "./addressee.ts";

export type FromSender = Extract<IncomingUpdate, { sender: unknown }>;

/** A platform's message as the inbox takes it. `open`: the gate lets its sender in as they are. */
export function arriving(
  update: Extract<IncomingUpdate, { kind: "message" }>,
  open: boolean,
  agents: Agents,
): ArrivingMessage {
  return {
    account: update.account,
    updateKey: update.key,
    messageId: newId("msg"),
    parts: partsOf(update),
    asks: addressee(agents, update.text),
    language: update.sender.language ?? "",
    writtenAt: new Date(update.writtenAt),
    session: null,
    place: {
      chat: update.place.chat,
      thread: update.place.thread,
      platform: platformOf(update),
      senderId: update.sender.id,
      senderName: update.sender.name,
      authored: update.place.kind === "group",
      open,
      chatMessageId: update.messageId,
      burst: update.burst ?? null,
    },
  };
}

/** What came with the message, its own words, its files. */
function partsOf({ context = [], text, files = [], burst }: Extract<IncomingUpdate, { kind: "message" }>): Part[] {
  const said: Part[] =
    text === "" && context.length + files.length > 0
      ? []
      : [{ type: "text", text, ...(burst === "long" ? { continues: true } : {}) }];
  return [...context, ...said, ...files];
}

/**
 * Answers of the gateway itself reply to what they answer where several people talk, and to a command that names no
 * thread: it may have been given where the bot is not.
 */
export function targetOf(update: FromSender): RunTarget {
  const { chat, thread, kind } = update.place;
  const replies =
    kind === "group" || update.kind === "elsewhere" || (update.kind === "command" && update.ofChat === true);
  const replyTo = replies && "messageId" in update && update.messageId !== "" ? update.messageId : null;
  return { account: update.account, chat, thread, replyTo, placeKind: kind };
}

export function platformOf(update: IncomingUpdate): string {
  return update.account.slice(0, update.account.indexOf(":"));
}
