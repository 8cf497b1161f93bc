import type { AccountId } from "../ids.ts";

/** Where an answer goes: fixed when the message is accepted, required by every send. */
export interface ReplyTarget {
  account: AccountId;
  /** The platform's own id of the chat. */
  chat: string;
  /** The platform's own id of the thread or topic inside it; "" = none. */
  thread: string;
  /** The platform's id of the message that is answered (shown as a reply in group places); null = plain post. */
  replyTo: string | null;
}
