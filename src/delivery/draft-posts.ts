import { GatewayError } from "../errors.ts";
import type { OutboxId } from "../ids.ts";
import { GroupCommit } from "../store/group-commit.ts";
import { type DraftPost, markSending, recordDrafts } from "../store/outbox.ts";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";

/** What is written down of drafts before and after they are posted, of all runs of a replica together. */
export class DraftPosts {
  readonly #announced: GroupCommit<DraftPost, boolean>;
  readonly #posted: GroupCommit<{ id: OutboxId; messageId: string }, void>;

  constructor(db: Root) {
    const bounds = { max: 200, bound: 10_000, full };
    this.#announced = new GroupCommit(async (drafts) => {
      const allowed = await retrying(() => markSending(db, drafts));
      return drafts.map(({ id }) => allowed.has(id));
    }, bounds);
    this.#posted = new GroupCommit(async (posted) => {
      await retrying(() => recordDrafts(db, posted));
      return posted.map(() => undefined);
    }, bounds);
  }

  /** Commits that the draft is about to be posted. False = do not post it. */
  announce(draft: DraftPost): Promise<boolean> {
    return this.#announced.add(draft);
  }

  /** Records the message that a draft became. */
  posted(id: OutboxId, messageId: string): Promise<void> {
    return this.#posted.add({ id, messageId });
  }
}

function full(): GatewayError {
  return new GatewayError("unavailable", "Too many drafts wait to be written down.");
}
