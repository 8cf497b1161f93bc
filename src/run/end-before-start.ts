import type { BudgetScope } from "../agent/budgets.ts";
import type { FinalRunEvent } from "../agent/run-event.ts";
import type { Texts } from "../texts/texts.ts";
import { hoursLeft } from "./hours-left.ts";

export type EndBeforeStart = "stop" | "interrupt" | "place_gone" | "crashed" | "stale" | "over_budget";

/** How a run ends that is not begun, or not continued. `refused`: whose budget is used up. */
export function endBeforeStart(end: EndBeforeStart, texts: Texts, refused: BudgetScope = "gateway"): FinalRunEvent {
  switch (end) {
    case "stop":
    case "interrupt":
    case "place_gone":
      return { type: "run.cancelled", by: end };
    case "crashed":
      return { type: "run.failed", code: "crashed", message: texts.failedSeveralTimes };
    case "stale":
      return { type: "run.failed", code: "stale", message: texts.cutOffByOutage };
    case "over_budget":
      return {
        type: "run.failed",
        code: "over_budget",
        message: texts.budgetUsedUp(texts.budgetOf[refused], hoursLeft()),
      };
    default:
      return end satisfies never;
  }
}
