import { asObject, isTrueIn, objectIn, wholeIn } from "./telegram-json.ts";

const MAX_KNOWN = 10_000;

/**
 * The chats that were seen to be forums, the latest ones. "Is typing" in the topic General shows only with its thread
 * id, which in any other chat is refused. A chat not seen yet merely shows no typing.
 */
export class ForumChats {
  readonly #known = new Set<string>();

  has(chat: string): boolean {
    return this.#known.has(chat);
  }

  /** Takes any update. */
  note(update: unknown): void {
    const message = objectIn(asObject(update) ?? {}, "message");
    const chat = message && objectIn(message, "chat");
    const id = chat && wholeIn(chat, "id");
    if (!chat || id === null || !isTrueIn(chat, "is_forum")) return;
    this.#known.delete(String(id));
    this.#known.add(String(id));
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }
}
