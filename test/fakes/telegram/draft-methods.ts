import { requireChat, requireTopic } from "./chat-checks.ts";
import { readFormattedText } from "./formatted-text.ts";
import { flagOf, textOf, wholeNumberOf } from "./payload.ts";
import { badRequest } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

/** Bot API, sendMessageDraft: private chats only, an id that is not 0, 0 to 4096 characters. */
export function sendMessageDraft(call: ApiCall): unknown {
  const { payload, world } = call;
  const draftId = wholeNumberOf(payload, "draft_id");
  if (draftId === 0) {
    throw badRequest("draft identifier must be non-zero");
  }
  const chat = requireChat(call, "write");
  if (chat.type !== "private") {
    throw badRequest("message drafts can be sent only to private chats");
  }
  const thread = requireTopic(call, chat)?.id ?? null;
  const text = textOf(payload, "text") === "" ? "" : readFormattedText(payload, "message is too long").text;
  chat.showDraft({ draftId, text, thread, at: world.now(), canStop: flagOf(payload, "can_stop") });
  return true;
}
