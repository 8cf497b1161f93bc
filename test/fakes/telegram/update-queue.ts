import { isObject, jsonOf, type Payload } from "./payload.ts";

/** How long Telegram keeps an update, counted from the message's date (Client.cpp, add_message_update). */
export const UPDATE_LIFE_MS = 24 * 3600 * 1000;
/** Taps on buttons live shorter (Client.cpp, process_new_callback_query_queue). */
export const CALLBACK_LIFE_MS = 150_000;
/** Sent only when asked for by name (Bot API, `allowed_updates`). */
const ONLY_BY_NAME = ["chat_member", "message_reaction", "message_reaction_count"];
/** Beyond this distance an offset counts as nonsense and reads from the head (tdlib TQueue). */
const FUTURE_OFFSET = 10;
/** How many updates can still be repeated. */
const REMEMBERED = 1000;

export interface QueuedUpdate {
  /** What an offset confirms. */
  readonly id: number;
  /** The update as it goes over the wire. */
  readonly body: string;
  /** Updates of one lane reach a webhook one after the other. */
  readonly lane: string;
  /** ms since the epoch, by the fake's clock. */
  readonly expiresAt: number;
}

/** The updates of one bot that nobody has confirmed yet, for polling and webhook alike: switching keeps them. */
export class UpdateQueue {
  #pending = new Set<QueuedUpdate>();
  #recent = new Map<number, QueuedUpdate>();
  #lastId: number;
  #now: () => number;
  #allowed: readonly string[] | null = null;
  /** Called for every update that is queued. */
  onPush: (update: QueuedUpdate) => void = () => {};

  constructor(firstId: number, now: () => number) {
    this.#lastId = firstId - 1;
    this.#now = now;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** The list in force; null = Telegram's default. */
  get allowed(): readonly string[] | null {
    return this.#allowed;
  }

  get pending(): Iterable<QueuedUpdate> {
    return this.#pending;
  }

  /** Remembers `allowed_updates` until it is given again; anything unreadable is ignored, as the server does. */
  allow(payload: Payload): void {
    let list: unknown;
    try {
      list = jsonOf(payload, "allowed_updates", "allowed_updates");
    } catch {
      return;
    }
    if (Array.isArray(list) && list.every((type) => typeof type === "string")) {
      this.#allowed = list.length === 0 ? null : list.map((type) => type.toLowerCase());
    }
  }

  /** Queues one update. @returns its id; it is used up even if the bot did not ask for this kind and never sees it */
  push(kind: string, content: unknown, lane: string, expiresAt: number): number {
    if (!this.#wants(kind)) {
      return 0;
    }
    const id = ++this.#lastId;
    this.#add({ id, body: `{"update_id":${id},${JSON.stringify(kind)}:${JSON.stringify(content)}}`, lane, expiresAt });
    return id;
  }

  /** Queues anything: a string goes out verbatim, an object gets an `update_id` unless it has one of its own. */
  pushRaw(update: unknown): number {
    const own = isObject(update) ? update["update_id"] : undefined;
    const id = typeof own === "number" && Number.isSafeInteger(own) ? own : ++this.#lastId;
    const body =
      typeof update === "string"
        ? update
        : JSON.stringify(isObject(update) && own === undefined ? { update_id: id, ...update } : update);
    this.#add({ id, body, lane: `raw:${id}:${this.#lastId}`, expiresAt: this.#now() + UPDATE_LIFE_MS });
    return id;
  }

  /** An update once more, as after an acknowledgement that got lost. Throws for one that is long gone. */
  repeat(id: number): void {
    const update = this.#recent.get(id);
    if (update === undefined) {
      throw new Error(`update ${id} is unknown, or too long ago to repeat`);
    }
    this.#add({ ...update });
  }

  /** Reads from `offset` on and forgets what comes before it; a negative offset keeps only the last ones. */
  read(offset: number, limit: number): QueuedUpdate[] {
    const all = [...this.#live()];
    let kept = all;
    if (offset < 0) {
      kept = all.slice(offset);
    } else if (offset > 0 && offset <= this.#lastId + 1 + FUTURE_OFFSET) {
      kept = all.filter((update) => update.id >= offset);
    }
    if (kept.length < all.length) {
      this.#pending = new Set(kept);
    }
    return kept.slice(0, limit);
  }

  forget(update: QueuedUpdate): void {
    this.#pending.delete(update);
  }

  clear(): void {
    this.#pending.clear();
  }

  *#live(): Generator<QueuedUpdate> {
    const now = this.#now();
    for (const update of this.#pending) {
      if (update.expiresAt < now) {
        this.#pending.delete(update);
      } else {
        yield update;
      }
    }
  }

  #wants(kind: string): boolean {
    return this.#allowed === null ? !ONLY_BY_NAME.includes(kind) : this.#allowed.includes(kind);
  }

  #add(update: QueuedUpdate): void {
    this.#pending.add(update);
    this.#recent.set(update.id, update);
    const oldest = this.#recent.keys().next();
    if (this.#recent.size > REMEMBERED && !oldest.done) {
      this.#recent.delete(oldest.value);
    }
    this.onPush(update);
  }
}
