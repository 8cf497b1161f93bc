import type { FinalRunEvent } from "../agent/run-event.ts";
import { type PagePlan, planPages } from "../delivery/page-plan.ts";
import type { RunId } from "../ids.ts";
import type { Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { Texts } from "../texts/texts.ts";
import { closingLine } from "./answer.ts";

/** Of the file that holds an answer of many pages. */
export const WHOLE_NAME = "answer.md";

/** The pages of a final text. One that cannot be rendered must not keep its run from ending. */
export function planFinal(
  text: string,
  adapter: PlatformAdapter,
  { run, end, texts, log }: { run: RunId; end: FinalRunEvent; texts: Texts; log: Log },
): PagePlan {
  try {
    const last = [texts.restInFile(WHOLE_NAME), closingLine(end, run, texts)].filter((line) => line !== "");
    return planPages(adapter, text, last.join("\n\n"));
  } catch (error) {
    log.error({ err: error }, "an answer could not be rendered");
    return { pages: adapter.render(texts.cannotBeShown(run.slice(0, 8))), whole: null };
  }
}
