import { SERVER, TDLIB, type RefusalRow } from "./refusal-row.ts";
import { FILE_REFUSALS } from "./refusals-of-files.ts";
import { CONTENT_REFUSALS } from "./refusals-of-content.ts";
import { RICH_REFUSALS } from "./refusals-of-rich.ts";

const UPGRADED = "Bad Request: group chat was upgraded to a supergroup chat";

/** Per method: who may be written to. */
function place(
  rule: string,
  source: string,
  row: Pick<RefusalRow, "payload" | "description"> & Partial<RefusalRow>,
): RefusalRow {
  return { method: "sendMessage", code: 400, ...row, rule, source };
}

const PLACES: RefusalRow[] = [
  place("no chat", `${SERVER} check_chat`, { payload: { text: "x" }, description: "Bad Request: chat_id is empty" }),
  place("an unknown chat", `${SERVER} TdOnCheckChatCallback`, {
    payload: { chat_id: 99, text: "x" },
    description: "Bad Request: chat not found",
  }),
  place("a person who blocked the bot", `${SERVER} fail_query_with_error, USER_IS_BLOCKED`, {
    payload: { chat_id: 1, text: "x" },
    before: ({ fake, chat }) => fake.blockBot(chat),
    code: 403,
    description: "Forbidden: bot was blocked by the user",
  }),
  place("a group that threw the bot out", `${SERVER} check_chat_access`, {
    payload: { chat_id: -5, text: "x" },
    before: ({ fake, group }) => fake.kick(group),
    code: 403,
    description: "Forbidden: bot was kicked from the group chat",
  }),
  place("a supergroup that threw the bot out", `${SERVER} check_chat_access`, {
    payload: ({ forum }) => ({ chat_id: forum.id, action: "typing" }),
    method: "sendChatAction",
    before: ({ fake, forum }) => fake.kick(forum),
    code: 403,
    description: "Forbidden: bot was kicked from the supergroup chat",
  }),
  place("a group the bot left", `${SERVER} check_chat_access`, {
    payload: { chat_id: -5, text: "x" },
    before: ({ group }) => {
      group.standing = "left";
    },
    code: 403,
    description: "Forbidden: bot is not a member of the group chat",
  }),
  place("a group that became a supergroup", `${SERVER} check_chat_access`, {
    payload: { chat_id: -5, text: "x" },
    before: ({ fake, group }) => fake.migrate(group, -1_000_000_000_005),
    description: UPGRADED,
  }),
  place("an edit in a group that became a supergroup", "fake: unknown what Telegram says; refused likewise", {
    payload: { chat_id: -5, message_id: 1, text: "x" },
    method: "editMessageText",
    before: ({ fake, group }) => fake.migrate(group, -1_000_000_000_005),
    description: UPGRADED,
  }),
  place("a topic that does not exist", `${SERVER} check_message_topic`, {
    payload: ({ forum }) => ({ chat_id: forum.id, message_thread_id: 999, text: "x" }),
    description: "Bad Request: message thread not found",
  }),
  place("General by its number", `${SERVER} check_message_topic`, {
    payload: ({ forum }) => ({ chat_id: forum.id, message_thread_id: 1, text: "x" }),
    description: "Bad Request: message thread not found",
  }),
  place("a thread in a private chat without topics", `${SERVER} check_message_topic`, {
    payload: { chat_id: 1, message_thread_id: 5, text: "x" },
    description: "Bad Request: message thread not found",
  }),
  place("typing in a topic that does not exist", "fake: Telegram may ignore it", {
    payload: ({ forum }) => ({ chat_id: forum.id, message_thread_id: 999, action: "typing" }),
    method: "sendChatAction",
    description: "Bad Request: message thread not found",
  }),
  place("a deleted topic", `${SERVER} check_message_topic`, {
    payload: ({ forum, topic }) => ({ chat_id: forum.id, message_thread_id: topic, text: "x" }),
    before: ({ fake, forum, topic }) => fake.deleteTopic(forum, topic),
    description: "Bad Request: message thread not found",
  }),
  place("a closed topic", "Telegram's error TOPIC_CLOSED for all but administrators", {
    payload: ({ forum, topic }) => ({ chat_id: forum.id, message_thread_id: topic, text: "x" }),
    before: ({ fake, forum, topic }) => fake.closeTopic(forum, topic),
    description: "Bad Request: TOPIC_CLOSED",
  }),
  place("an answer to a message that is gone", `${SERVER} check_reply_parameters`, {
    payload: { chat_id: 1, text: "x", reply_parameters: { message_id: 999 } },
    description: "Bad Request: message to be replied not found",
  }),
  place("an answer to something that is no object", `${SERVER} get_reply_parameters`, {
    payload: { chat_id: 1, text: "x", reply_parameters: 5 },
    description: "Bad Request: object expected as reply parameters",
  }),
  place("an answer to another chat's message", "fake: not needed yet", {
    payload: { chat_id: 1, text: "x", reply_parameters: { message_id: 1, chat_id: -5 } },
    description: "Bad Request: this fake knows no replies to other chats",
  }),
  place("an unknown kind of typing", `${SERVER} process_send_chat_action_query`, {
    payload: { chat_id: 1, action: "thinking" },
    method: "sendChatAction",
    description: "Bad Request: wrong parameter action in request",
  }),
];

const NOT_MODIFIED =
  "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";

const MESSAGES: RefusalRow[] = [
  place("an edit that changes nothing", `${SERVER} fail_query_with_error, MESSAGE_NOT_MODIFIED`, {
    method: "editMessageText",
    payload: ({ mine }) => ({ chat_id: 1, message_id: mine, text: "mine" }),
    description: NOT_MODIFIED,
  }),
  place("an edit that only adds blanks at the end", `${TDLIB} fix_formatted_text, then MESSAGE_NOT_MODIFIED`, {
    method: "editMessageText",
    payload: ({ mine }) => ({ chat_id: 1, message_id: mine, text: "mine \n" }),
    description: NOT_MODIFIED,
  }),
  place("taking away a keyboard that is not there", `${SERVER} fail_query_with_error, MESSAGE_NOT_MODIFIED`, {
    method: "editMessageReplyMarkup",
    payload: ({ mine }) => ({ chat_id: 1, message_id: mine }),
    description: NOT_MODIFIED,
  }),
  place("an edit of a message that is gone", `${SERVER} process_edit_message_text_query`, {
    method: "editMessageText",
    payload: { chat_id: 1, message_id: 999, text: "x" },
    description: "Bad Request: message to edit not found",
  }),
  place("an edit of a person's message", "tdlib/td, MessagesManager can_edit_message", {
    method: "editMessageText",
    payload: ({ theirs }) => ({ chat_id: 1, message_id: theirs, text: "x" }),
    description: "Bad Request: message can't be edited",
  }),
  place("an edit of what is no text", "tdlib/td, MessagesManager can_edit_message", {
    method: "editMessageText",
    payload: ({ fake, forum }) => ({ chat_id: forum.id, message_id: fake.topic(forum, "mine", "bot").id, text: "x" }),
    description: "Bad Request: message can't be edited",
  }),
  place("an edit without address", `${SERVER} get_inline_message_id`, {
    method: "editMessageText",
    payload: { text: "x" },
    description: "Bad Request: message identifier is not specified",
  }),
  place("a removal without chat", `${SERVER} process_delete_message_query`, {
    method: "deleteMessage",
    payload: { message_id: 1 },
    description: "Bad Request: chat identifier is not specified",
  }),
  place("a removal without message", `${SERVER} process_delete_message_query`, {
    method: "deleteMessage",
    payload: { chat_id: 1 },
    description: "Bad Request: message identifier is not specified",
  }),
  place("a removal of what is gone", `${SERVER} process_delete_message_query`, {
    method: "deleteMessage",
    payload: { chat_id: 1, message_id: 999 },
    description: "Bad Request: message to delete not found",
  }),
  place("a removal after 48 hours", "Bot API deleteMessage", {
    method: "deleteMessage",
    payload: ({ mine }) => ({ chat_id: 1, message_id: mine }),
    before: ({ pass }) => pass(48 * 3600 * 1000 + 1),
    description: "Bad Request: message can't be deleted for everyone",
  }),
  place("an answer to an unknown press of a button", `${SERVER} fail_query_with_error, QUERY_ID_INVALID`, {
    method: "answerCallbackQuery",
    payload: { callback_query_id: "12345" },
    description: "Bad Request: query is too old and response timeout expired or query ID is invalid",
  }),
];

const SETTINGS: RefusalRow[] = [
  place("a webhook that is no URL", `${SERVER} do_set_webhook`, {
    method: "setWebhook",
    payload: { url: "nonsense" },
    description: "Bad Request: invalid webhook URL specified",
  }),
  place("a webhook away from this machine", "fake: nothing leaves the machine", {
    method: "setWebhook",
    payload: { url: "http://example.org/hook" },
    description: "Bad Request: bad webhook: this fake delivers to http on loopback only",
  }),
  place("a long secret", `${SERVER} do_set_webhook`, {
    method: "setWebhook",
    payload: { url: "http://127.0.0.1:1/hook", secret_token: "x".repeat(257) },
    description: "Bad Request: secret token is too long",
  }),
  place("a secret with other characters", `${SERVER} do_set_webhook`, {
    method: "setWebhook",
    payload: { url: "http://127.0.0.1:1/hook", secret_token: "über" },
    description: "Bad Request: secret token contains unallowed characters",
  }),
  place("commands that are no array", `${SERVER} get_bot_commands`, {
    method: "setMyCommands",
    payload: { commands: { command: "x" } },
    description: "Bad Request: expected an Array of BotCommand",
  }),
  place("a command that is no object", `${SERVER} get_bot_command`, {
    method: "setMyCommands",
    payload: { commands: ["start"] },
    description: "Bad Request: can't parse BotCommand: expected an Object",
  }),
  place("a command without description", `${SERVER} get_bot_command`, {
    method: "setMyCommands",
    payload: { commands: [{ command: "start" }] },
    description: "Bad Request: can't parse BotCommand: Can't find field \"description\"",
  }),
  place("a command with capitals", "Bot API BotCommand", {
    method: "setMyCommands",
    payload: { commands: [{ command: "Start", description: "x" }] },
    description: "Bad Request: BOT_COMMAND_INVALID",
  }),
  place("a description of 257 characters", "Bot API BotCommand", {
    method: "setMyCommands",
    payload: { commands: [{ command: "start", description: "x".repeat(257) }] },
    description: "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID",
  }),
  place("101 commands", "Bot API setMyCommands", {
    method: "setMyCommands",
    payload: { commands: Array.from({ length: 101 }, (_, n) => ({ command: `c${n}`, description: "x" })) },
    description: "Bad Request: BOT_COMMANDS_TOO_MUCH",
  }),
  place("an unknown method", `${SERVER} on_cmd`, {
    method: "sendCarrierPigeon",
    payload: {},
    code: 404,
    description: "Not Found: method not found",
  }),
];

/** Every rule by which the fake refuses a call, limits and conflicts aside (they need a history). */
export const REFUSALS: readonly RefusalRow[] = [
  ...CONTENT_REFUSALS,
  ...FILE_REFUSALS,
  ...RICH_REFUSALS,
  ...PLACES,
  ...MESSAGES,
  ...SETTINGS,
];
