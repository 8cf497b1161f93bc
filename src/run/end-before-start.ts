import type { FinalRunEvent } from "../agent/run-event.ts";
import type { Texts } from "../texts/texts.ts";

export type EndBeforeStart = "stop" | "interrupt" | "crashed" | "stale";

/** How a run ends that is not begun, or not continued. */
export function endBeforeStart(end: EndBeforeStart, texts: Texts): FinalRunEvent {
  switch (end) {
    case "stop":
    case "interrupt":
      return { type: "run.cancelled", by: end };
    case "crashed":
      return { type: "run.failed", code: "crashed", message: texts.failedSeveralTimes };
    case "stale":
      return { type: "run.failed", code: "stale", message: texts.cutOffByOutage };
    default:
      return end satisfies never;
  }
}
