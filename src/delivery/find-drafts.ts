import type { RunId, SessionId } from "../ids.ts";
import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { isOfAnother, type OutboxPage, recordDrafts, settleDraft } from "../store/outbox.ts";
import type { Db, RunTarget } from "../store/schema.ts";
import { findPost } from "./find-post.ts";

/** One answer of a session may, so that it is the only one at its place. */
export function mayBeNative({ lane }: { lane: number }): boolean {
  return lane === 0;
}

/**
 * Looks for what earlier attempts of a run may have posted, and returns its pages as they are known then: a message
 * that is found is the run's again, or is removed where the page has another one; what certainly is not there is left
 * out. `write` repeats until the database has answered.
 */
export async function findDrafts(
  db: Db,
  adapter: PlatformAdapter,
  target: RunTarget,
  run: { session: SessionId; id: RunId; attempt: number; lane: { lane: number } },
  pages: OutboxPage[],
  write: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<OutboxPage[]> {
  if (!adapter.marks) return pages;
  const looks = pages.map((page) => {
    const isLost = page.state === "uncertain" && page.message_id === null;
    return isLost ? findPost(adapter, { ...target, replyTo: null }, page.id, mayBeNative(run.lane)) : null;
  });
  const settle = async (page: OutboxPage, found: Awaited<ReturnType<typeof findPost>>): Promise<OutboxPage[]> => {
    if (found === null) return [page];
    if (found === "absent") return (await write(() => settleDraft(db, run, page.id, null))) ? [] : [page];
    const { messageId } = found;
    // A stream that bears no mark yet may be any.
    if (await write(() => isOfAnother(db, run, page.id, found))) return [page];
    if (pages.some((other) => other.page === page.page && other.message_id !== null)) {
      await write(() => recordDrafts(db, [{ id: page.id, messageId }]));
      return [];
    }
    const isOurs = await write(() => settleDraft(db, run, page.id, messageId));
    return [isOurs ? { ...page, state: "sent", message_id: messageId } : page];
  };
  const settled: OutboxPage[] = [];
  // One by one, so that no stream is found for two, and the newest first, whose it is most likely.
  for (const [index, page] of [...pages.entries()].toReversed()) {
    settled.unshift(...(await settle(page, (await looks[index]) ?? null)));
  }
  return settled;
}
