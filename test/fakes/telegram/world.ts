import type { Changes } from "./changes.ts";
import type { FakeChat } from "./chats.ts";
import { FakeFiles } from "./files.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { LongPoll } from "./long-poll.ts";
import type { BotIdentity } from "./message-json.ts";
import type { Payload } from "./payload.ts";
import type { Timers } from "./timers.ts";
import { UpdateQueue } from "./update-queue.ts";
import type { Delivery, WebhookDelivery } from "./webhook-delivery.ts";

/** What one fake server shares between its bots. */
export interface World {
  readonly now: () => number;
  readonly changes: Changes;
  readonly timers: Timers;
  /** Factor on waits that Telegram imposes (repeated polls, conflicts, webhook retries); below 1 for quick tests. */
  readonly timeScale: number;
  /** Refuse what Telegram would silently ignore or leave out. */
  readonly strict: boolean;
  /** The server knows rich messages. */
  readonly rich: boolean;
  readonly journal: Journal;
  readonly deliveries: Delivery[];
  /** Formatting that Telegram would silently leave out. */
  readonly droppedEntities: DroppedEntities[];
}

export interface DroppedEntities {
  method: string;
  chat: number | null;
  why: string;
}

export interface PressedButton {
  at: number;
  answered: boolean;
}

/** One bot: its token, its chats, its updates. Bots see nothing of each other. */
export class FakeBot implements BotIdentity {
  readonly index: number;
  token: string;
  readonly id: number;
  readonly username: string;
  readonly name: string;
  readonly topics: boolean;
  readonly chats = new Map<number, FakeChat>();
  readonly files = new FakeFiles();
  readonly queue: UpdateQueue;
  readonly poll: LongPoll;
  webhook: WebhookDelivery | null = null;
  /** performance.now() before which another setWebhook is refused. */
  nextSetWebhook = 0;
  readonly pressed = new Map<string, PressedButton>();
  /** setMyCommands by scope and language. */
  readonly commands = new Map<string, unknown[]>();
  #messageId = 0;

  constructor(index: number, token: string, options: { topics: boolean; world: World }) {
    const { world } = options;
    this.index = index;
    this.token = token;
    this.id = Number.parseInt(token, 10);
    this.name = index === 0 ? "Parley" : `Parley ${index + 1}`;
    this.username = index === 0 ? "parley_test_bot" : `parley_test_${index + 1}_bot`;
    this.topics = options.topics;
    this.queue = new UpdateQueue(1000 * (index + 1), world.now);
    this.poll = new LongPoll(this.queue, world.timers, world.timeScale, () => world.changes.notify());
    this.queue.onPush = (update) => {
      if (this.webhook === null) {
        this.poll.wake();
      } else {
        this.webhook.push(update);
      }
      world.changes.notify();
    };
  }

  /** Message ids of private chats and basic groups: one counter, as Telegram has it for an account. */
  next(): number {
    return ++this.#messageId;
  }
}

/** One call on its way through a method. */
export interface ApiCall {
  readonly world: World;
  readonly bot: FakeBot;
  readonly method: string;
  readonly payload: Payload;
  readonly entry: JournalEntry;
  /** Registers what to do when the caller hangs up. */
  readonly onClose: (run: () => void) => void;
}
