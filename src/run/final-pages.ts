import type { LivePage } from "../delivery/live-messages.ts";
import { type FileId, newId } from "../ids.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import type { MergedPage } from "../store/show-pages.ts";

/**
 * Pure: the pages of the final text on the messages that are there, files after them, and what is left over. `again`:
 * an edit of another attempt may still be on its way.
 */
export function finalPages(
  pages: readonly RenderedPage[],
  live: readonly LivePage[],
  files: readonly FileId[],
  again: boolean,
): MergedPage[] {
  const plain = { messageId: null, content: null, shown: false, remove: false, repeat: false };
  const wanted = pages.map((content, page): MergedPage => {
    const known = live[page];
    const same = known?.messageId != null && known.shown !== null && sameJson(known.shown, content);
    const repeat = known?.messageId != null && (known.doubtful || again);
    const { id, messageId } = known ?? { id: newId("out"), messageId: null };
    return { id, messageId, page, content, shown: same && !known.doubtful, remove: false, repeat };
  });
  const sent = files.map((file, index): MergedPage => {
    return { ...plain, id: newId("out"), page: pages.length + index, file };
  });
  const left = live.slice(pages.length).filter((page) => page.messageId !== null);
  const removed = left.map(({ id, messageId }, index): MergedPage => {
    return { ...plain, id, messageId, page: pages.length + files.length + index, remove: true };
  });
  return [...wanted, ...sent, ...removed];
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
