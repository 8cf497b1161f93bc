import type { Message } from "./message.ts";
import { openCalls } from "./repair-history.ts";

const UNKNOWN = "outcome unknown – the call may have taken effect";
const NOT_RUN = "not run: the answer ended before it";

/**
 * What a run that ends adds for calls that it leaves without a result; null = it leaves none. `started`: those that may
 * have taken effect.
 */
export function closeCalls(messages: readonly Message[], started: ReadonlySet<string>): Message | null {
  const parts = openCalls(messages).map(({ callId }) => {
    return { type: "tool_result" as const, callId, ok: false, text: started.has(callId) ? UNKNOWN : NOT_RUN };
  });
  return parts.length === 0 ? null : { role: "tool", parts, status: "complete" };
}
