import type { FinalRunEvent } from "../agent/run-event.ts";
import { type PagePlan, planPages } from "../delivery/page-plan.ts";
import type { RunId } from "../ids.ts";
import type { Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { Texts } from "../texts/texts.ts";
import { type Answer, closingLine, finalText } from "./answer.ts";

/** Of the file that holds an answer of many pages. */
export const WHOLE_NAME = "answer.md";

export interface EndedRun {
  run: RunId;
  end: FinalRunEvent;
  /** What the chat shows of it now; null = nothing. */
  live: { shown: boolean; drafted: boolean } | null;
  texts: Texts;
  log: Log;
}

/** The pages of what was said and how it ended. A text that cannot be rendered must not keep its run from ending. */
export function planFinal(answer: Answer, adapter: PlatformAdapter | undefined, ended: EndedRun): PagePlan {
  const { run, end, live, texts, log } = ended;
  // Whoever stops a draft sees it go, and is told why.
  const stands = live !== null && (live.shown || (live.drafted && end.type === "run.cancelled" && end.by === "stop"));
  const text = finalText(answer.text, end, run, texts, { remarks: answer.remarks(texts), stands });
  if (!adapter || text === "") return { pages: [], whole: null };
  try {
    const last = [texts.restInFile(WHOLE_NAME), closingLine(end, run, texts)].filter((line) => line !== "");
    return planPages(adapter, text, last.join("\n\n"));
  } catch (error) {
    log.error({ err: error }, "an answer could not be rendered");
    return { pages: adapter.render(texts.cannotBeShown(run.slice(0, 8))), whole: null };
  }
}
