import type { Message, Part } from "../agent/message.ts";
import { textOf } from "../agent/message.ts";
import type { RunEvent } from "../agent/run-event.ts";
import { readId } from "../ids.ts";
import type { StoredEvent } from "../store/run-events.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/** What a dead attempt leaves to the next one. */
export interface Remains {
  /** Finished messages of the run, in order: assistant messages with calls and the results that are known. */
  kept: Message[];
  /** Calls that were started and have no known result. */
  inFlight: Set<string>;
  /** All text the attempt had said: void for the model, but the chat may show it. */
  text: string;
  /** The part of it that belongs to no finished message. */
  rest: string;
}

/**
 * Pure: reads the events of all attempts of a run, in order. What was finished and started stands in the last one; the
 * chat may still show the text of the one that had said most.
 */
export function readAttempts(events: StoredEvent[]): Remains {
  const attempts = [...Map.groupBy(events, (event) => event.attempt).values()].map(readAttempt);
  const last = attempts.at(-1) ?? readAttempt([]);
  const longest = attempts.reduce((most, attempt) => (attempt.text.length > most.text.length ? attempt : most), last);
  return { ...last, text: longest.text, rest: longest.rest };
}

function readAttempt(events: StoredEvent[]): Remains {
  const kept: Message[] = [];
  const inFlight = new Set<string>();
  const results: Extract<Part, { type: "tool_result" }>[] = [];
  const said: string[] = [];
  let current = "";
  for (const { type, data } of events) {
    if (type === "run.restarted") {
      for (const callId of (data["inFlight"] ?? []) as string[]) inFlight.add(callId);
      for (const message of (data["kept"] ?? []) as Message[]) {
        kept.push(message);
        if (message.role === "assistant") said.push(textOf(message));
      }
    } else if (type === "text.delta") {
      current += String(data["text"]);
    } else if (type === "message.completed") {
      const message = data["message"] as Message;
      if (message.role === "assistant") {
        said.push(textOf(message));
        current = "";
      }
      if (message.role === "tool") results.length = 0;
      kept.push(message);
    } else if (type === "tool.started") {
      inFlight.add(String(data["callId"]));
    } else if (type === "tool.finished") {
      const callId = String(data["callId"]);
      inFlight.delete(callId);
      const file = readId("fil", data["file"]);
      const result = { callId, ok: data["ok"] === true, text: String(data["text"]), ...(file ? { file } : {}) };
      results.push({ type: "tool_result", ...result });
    }
  }
  // What no message called is the affair of an agent elsewhere, which tells of its own tools.
  const called = new Set(kept.flatMap(({ parts }) => parts.flatMap(callIdOf)));
  const known = results.filter((part) => called.has(part.callId));
  const open = new Set([...inFlight].filter((callId) => called.has(callId)));
  if (known.length > 0) kept.push({ role: "tool", parts: known, status: "complete" });
  const last = kept.at(-1);
  // An answer that was not merged, whole or cut short, is said again: only its merge would have made it history.
  const unmerged = last?.role === "assistant" && !last.parts.some((part) => part.type === "tool_call") ? last : null;
  if (unmerged) kept.pop();
  const rest = joinSaid([unmerged ? textOf(unmerged) : "", current]);
  return { kept, inFlight: open, text: joinSaid([...said, current]), rest };
}

function callIdOf(part: Part): string[] {
  return part.type === "tool_call" ? [part.callId] : [];
}

/** The first event of an attempt. */
export function begun(
  { attempt, trace: traceId }: ClaimedRun,
  agent: string,
  kept: Message[] = [],
  inFlight: Iterable<string> = [],
): RunEvent {
  if (attempt === 1) return { type: "run.started", agent, traceId };
  return { type: "run.restarted", agent, traceId, kept, inFlight: [...inFlight] };
}

/** How the chat shows what was said in several steps. */
export function joinSaid(texts: string[]): string {
  return texts.filter((text) => text.trim() !== "").join("\n\n");
}
