import type { Part } from "./message.ts";
import type { ApprovalDecision } from "./run-event.ts";
import type { Tool } from "./tool-source.ts";

type CallPart = Extract<Part, { type: "tool_call" }>;
type ResultPart = Extract<Part, { type: "tool_result" }>;

/** What the model learns of a call that asked and is not made. */
const DECLINED = {
  denied: "Not called: the person who was asked has denied it. Do not try it again unless they want it.",
  expired: "Not called: nobody approved it in time.",
  cancelled: "Not called: the question was withdrawn.",
} satisfies Record<Exclude<ApprovalDecision, "approved">, string>;

/** What it learns where the call was under way when an attempt died, and is not repeated. */
const NOT_REPEATED = {
  denied: "the person who was asked does not want it repeated",
  expired: "nobody decided in time whether to repeat it",
  cancelled: "the question whether to repeat it was withdrawn",
} satisfies Record<keyof typeof DECLINED, string>;

/** Pure: which calls may be made now, which a person is to be asked for first, and the results of those they declined. */
export function sortCalls(
  calls: readonly CallPart[],
  tools: ReadonlyMap<string, Tool>,
  decisions: ReadonlyMap<string, ApprovalDecision>,
  inFlight: ReadonlySet<string>,
): { go: CallPart[]; asked: CallPart[]; declined: ResultPart[] } {
  const go: CallPart[] = [];
  const asked: CallPart[] = [];
  const declined: ResultPart[] = [];
  for (const call of calls) {
    const decision = decisions.get(call.callId);
    // What was declined stays so, whatever is allowed meanwhile.
    if (decision !== undefined && decision !== "approved") {
      const { callId } = call;
      const doubt = `Outcome unknown: the call may have taken effect; ${NOT_REPEATED[decision]}.`;
      declined.push(notMade(callId, inFlight.has(callId) ? doubt : DECLINED[decision]));
    } else if (decision === undefined && tools.get(call.tool)?.asks) asked.push(call);
    else go.push(call);
  }
  return { go, asked, declined };
}

export function notMade(callId: string, text: string): ResultPart {
  return { type: "tool_result", callId, ok: false, text };
}
