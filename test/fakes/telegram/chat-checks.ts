import type { FakeChat, FakeMessage, FakeTopic } from "./chats.ts";
import { isObject, jsonOf, textOf, wholeNumberOf } from "./payload.ts";
import { badRequest, forbidden } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

/** Client.h, GENERAL_FORUM_TOPIC_ID. */
export const GENERAL_TOPIC = 1;

type Access = "read" | "edit" | "write";

/**
 * The chat of a call, if the bot may do this there.
 * Source: tdlib/telegram-bot-api Client.cpp, check_chat and check_chat_access.
 */
export function requireChat(call: ApiCall, access: Access): FakeChat {
  const id = textOf(call.payload, "chat_id");
  if (id === "") {
    throw badRequest("chat_id is empty");
  }
  const chat = call.bot.chats.get(Number(id));
  if (chat === undefined) {
    throw badRequest("chat not found");
  }
  if (chat.migratedTo !== null && access !== "read") {
    throw badRequest("group chat was upgraded to a supergroup chat", { migrate_to_chat_id: chat.migratedTo });
  }
  if (access !== "read") {
    checkStanding(chat);
  }
  return chat;
}

function checkStanding(chat: FakeChat): void {
  const place = `${chat.type} chat`;
  switch (chat.standing) {
    case "member":
      return;
    case "blocked":
      throw forbidden("bot was blocked by the user");
    case "kicked":
      throw forbidden(`bot was kicked from the ${place}`);
    case "left":
      throw forbidden(`bot is not a member of the ${place}`);
  }
}

/**
 * The topic a message is sent to: null outside topics. In chats without topics the parameter means nothing, but in a
 * private chat it has to exist. Source: Client.cpp, check_message_topic; General cannot be named when sending.
 */
export function requireTopic(call: ApiCall, chat: FakeChat): FakeTopic | null {
  const thread = Math.max(0, wholeNumberOf(call.payload, "message_thread_id"));
  if (thread === 0 || (chat.type !== "private" && !chat.forum)) {
    return null;
  }
  const topic = thread === GENERAL_TOPIC && chat.forum ? undefined : chat.topics.get(thread);
  if (topic === undefined) {
    throw badRequest("message thread not found");
  }
  if (topic.closed) {
    // The bot is never an administrator here, who could still write.
    throw badRequest("TOPIC_CLOSED");
  }
  return topic;
}

/** Chat actions may name General. Other unknown topics are refused. */
export function checkActionTopic(call: ApiCall, chat: FakeChat): void {
  if (!(chat.forum && wholeNumberOf(call.payload, "message_thread_id") === GENERAL_TOPIC)) {
    requireTopic(call, chat);
  }
}

/** @returns the message that is answered; null = none, also when it is gone and the call allows that */
export function readReply(call: ApiCall, chat: FakeChat): number | null {
  const reply = jsonOf(call.payload, "reply_parameters", "reply parameters");
  if (reply === undefined) {
    return null;
  }
  if (!isObject(reply)) {
    throw badRequest("object expected as reply parameters");
  }
  const other = reply["chat_id"];
  if (other !== undefined && Number(other) !== chat.id) {
    throw badRequest("this fake knows no replies to other chats");
  }
  const messageId = wholeNumberOf(reply, "message_id");
  if (messageId <= 0) {
    return null;
  }
  if (chat.visible(messageId) !== undefined) {
    return messageId;
  }
  if (reply["allow_sending_without_reply"] === true) {
    return null;
  }
  throw badRequest("message to be replied not found");
}

/** The message of a call, visible in the chat. @param what how the refusal calls it: "message to edit" */
export function requireMessage(call: ApiCall, chat: FakeChat, what: string): FakeMessage {
  const message = chat.visible(wholeNumberOf(call.payload, "message_id"));
  if (message === undefined) {
    throw badRequest(`${what} not found`);
  }
  return message;
}
