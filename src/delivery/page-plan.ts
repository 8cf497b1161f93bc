import type { PlatformAdapter, RenderedPage } from "../platform/platform-adapter.ts";
import { openFence } from "../run/answer.ts";

/** An answer of more pages goes as these and a file that holds the whole. */
const MAX_PAGES = 5;
/** By how much what the pages hold is cut until it fits. */
const SHRINK = 0.9;

export interface PagePlan {
  pages: RenderedPage[];
  /** The text for the file; null = the pages hold it all, or the platform takes no files. */
  whole: string | null;
}

/** Pure: how an answer is shown. `restLine`, Markdown, ends the last page of one that goes on in a file. */
export function planPages(adapter: PlatformAdapter, text: string, restLine: string): PagePlan {
  const pages = adapter.render(text);
  if (pages.length <= MAX_PAGES || !adapter.files) return { pages, whole: null };
  // Pages are about as long as each other; a cut that is too long by its luck is made shorter.
  for (let chars = (text.length * (MAX_PAGES + 0.5)) / pages.length; chars > 1; chars *= SHRINK) {
    const cut = cutAtLine(text, Math.floor(chars));
    const shown = adapter.render(`${cut}${openFence(cut)}\n\n${restLine}`);
    if (shown.length <= MAX_PAGES) return { pages: shown, whole: text };
  }
  return { pages, whole: null };
}

/** At the end of a line in its last tenth if there is one, else of a word, never inside a character. */
function cutAtLine(text: string, chars: number): string {
  const cut = text.slice(0, chars);
  const least = chars * SHRINK;
  for (const end of [cut.lastIndexOf("\n"), cut.lastIndexOf(" ")]) if (end > least) return cut.slice(0, end);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}
