import { hasQuirk, type Script } from "./script.ts";

interface CallDelta {
  index?: number;
  id?: string;
  type?: "function";
  function: { name?: string; arguments: string };
  extra_content?: unknown;
}

interface PlannedCall {
  index: number;
  head: CallDelta;
  rest: CallDelta[];
}

/** The tool calls of a script as stream deltas: name first, then the arguments in pieces, as the quirk says. Pure. */
export function callDeltas(script: Script): CallDelta[] {
  const calls = (script.toolCalls ?? []).map((call, index): PlannedCall => {
    const args = typeof call.args === "string" ? call.args : JSON.stringify(call.args ?? {});
    const id = hasQuirk(script, "empty-ids") ? "" : (call.id ?? `call_${index + 1}`);
    const extra = call.extra === undefined ? {} : { extra_content: call.extra };
    const position = hasQuirk(script, "idx0") ? 0 : index;
    if (hasQuirk(script, "gemini-no-index"))
      return {
        index,
        head: { id, type: "function", function: { name: call.name, arguments: args }, ...extra },
        rest: [],
      };
    const head = {
      index: position,
      id,
      type: "function" as const,
      function: { name: call.name, arguments: "" },
      ...extra,
    };
    const halves = [args.slice(0, Math.ceil(args.length / 2)), args.slice(Math.ceil(args.length / 2))];
    const rest = halves
      .filter((half) => half !== "")
      .map((half) => ({ index: position, function: { arguments: half } }));
    return { index, head, rest };
  });
  if (!hasQuirk(script, "interleaved")) return calls.flatMap((call) => [call.head, ...call.rest]);
  const rounds = Math.max(0, ...calls.map((call) => call.rest.length));
  const woven = Array.from({ length: rounds }, (_, round) => calls.flatMap((call) => call.rest[round] ?? []));
  return [...calls.map((call) => call.head), ...woven.flat()];
}
