import type { InputRichMessage } from "grammy/types";
import type { Log, RenderedPage } from "../../src/platform/platform-adapter.ts";
import { isRichRefusal, isRichUnknown } from "./telegram-errors.ts";
import type { TelegramRich } from "./telegram-pages.ts";

/** Messages that are remembered to be better off as text: those that may be edited at once, many times over. */
const MAX_REFUSED = 1000;

/** A message that is there already, or will be. */
interface Place {
  chat: string;
  messageId: string | null;
}

/**
 * Pages as rich messages where they carry one and the server takes it, else as text. A refused call was certainly not
 * applied, so text takes its place at once: no refusal loses or doubles a message.
 */
export class RichMessages {
  #isOn: boolean;
  readonly #log: Log;
  /** A message whose content was refused stays text, lest each of its edits be two calls. */
  readonly #refused = new Set<string>();

  constructor(isOn: boolean, log: Log) {
    this.#isOn = isOn;
    this.#log = log;
  }

  async deliver<T>(
    page: RenderedPage,
    { chat, messageId }: Place,
    calls: { rich: (message: InputRichMessage) => Promise<T>; text: () => Promise<T>; idOf: (sent: T) => string },
  ): Promise<T> {
    // Pages come back from the database as JSON, so their shape is only what `render` once wrote.
    const { blocks } = (page.rich ?? {}) as Partial<TelegramRich>;
    if (!this.#isOn || !blocks || this.#refused.has(`${chat} ${messageId}`)) return calls.text();
    try {
      // Names and addresses are live where `render` made them so, and nowhere else.
      return await calls.rich({ blocks, skip_entity_detection: true });
    } catch (error) {
      if (isRichUnknown(error)) {
        this.#turnOff(error);
        return calls.text();
      }
      if (!isRichRefusal(error)) throw error;
      this.#log.warn({ err: error }, "a rich message was refused, and goes as text");
    }
    // First, because an edit to the text that stands there already is refused too.
    if (messageId !== null) this.#remember(`${chat} ${messageId}`);
    const sent = await calls.text();
    this.#remember(`${chat} ${calls.idOf(sent)}`);
    return sent;
  }

  #turnOff(error: unknown): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#log.warn({ err: error }, "this server of the Bot API knows no rich messages: text is sent until a restart");
  }

  #remember(message: string): void {
    this.#refused.add(message);
    if (this.#refused.size <= MAX_REFUSED) return;
    const [oldest] = this.#refused;
    this.#refused.delete(oldest!);
  }
}
