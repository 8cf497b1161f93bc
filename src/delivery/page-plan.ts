import type { PlatformAdapter, RenderedPage } from "../platform/platform-adapter.ts";
import { openFence } from "../run/answer.ts";

/** An answer of more pages goes as these and a file that holds the whole. */
const MAX_PAGES = 5;
/** Five pages are found in this much of an answer, on any platform, whatever its markup. */
const HEAD_CHARS = 200_000;
/** By how much what the pages hold is cut until it fits. */
const SHRINK = 0.95;

export interface PagePlan {
  pages: RenderedPage[];
  /** The text for the file; null = the pages hold it all, or the platform takes no files. */
  whole: string | null;
}

/**
 * Pure: how an answer is shown. `restLine`, Markdown, ends the last page of one that goes on in a file. What the pages
 * hold depends on the answer's beginning alone, so they stay as they are while it grows.
 */
export function planPages(adapter: PlatformAdapter, text: string, restLine: string, growing = false): PagePlan {
  if (!adapter.files) return { pages: adapter.render(text, growing), whole: null };
  const first = adapter.render(text.slice(0, HEAD_CHARS), growing).slice(0, MAX_PAGES + 1);
  if (first.length > MAX_PAGES) {
    const visible = first.slice(0, MAX_PAGES).reduce((sum, page) => sum + page.text.length, 0);
    for (let chars = visible - restLine.length; chars > 1; chars *= SHRINK) {
      const cut = cutAtLine(text, Math.floor(chars));
      const pages = adapter.render(`${cut}${openFence(cut)}\n\n${restLine}`);
      if (pages.length <= MAX_PAGES) return { pages, whole: text };
    }
  }
  return { pages: text.length > HEAD_CHARS ? adapter.render(text, growing) : first, whole: null };
}

/**
 * Renders an answer that still grows as the pages that are shown of it. Once these are full, what is said further costs
 * nothing: it would not change them.
 */
export function renderGrowing(adapter: PlatformAdapter, restLine: string): (markdown: string) => RenderedPage[] {
  let full: { text: string; pages: RenderedPage[] } | null = null;
  return (markdown) => {
    if (full && markdown.startsWith(full.text)) return full.pages;
    const { pages, whole } = planPages(adapter, markdown, restLine, true);
    full = whole === null ? null : { text: markdown, pages };
    return pages;
  };
}

/** At the end of a line in its last tenth if there is one, else of a word, never inside a character. */
function cutAtLine(text: string, chars: number): string {
  const cut = text.slice(0, chars);
  const least = chars * SHRINK;
  for (const end of [cut.lastIndexOf("\n"), cut.lastIndexOf(" ")]) if (end > least) return cut.slice(0, end);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}
