import type { Message, Part } from "./message.ts";
import { textOf } from "./message.ts";

type CallPart = Extract<Part, { type: "tool_call" }>;
type ResultPart = Extract<Part, { type: "tool_result" }>;

/** A call of the repaired history that still waits for its result. */
interface Slot {
  results: (ResultPart | null)[];
  index: number;
}

/**
 * Makes any stored history one that every provider accepts, without touching what is already valid:
 * it starts with a user message; after an assistant message with calls comes exactly one tool message that holds one
 * result per call, in the order of the calls; no result is without its call and no assistant message is empty.
 * A missing result becomes an error result that says why. What an interrupted or truncated message said is marked in
 * its text; its calls stay only if their arguments are whole. Pure and idempotent.
 */
export function repairHistory(messages: readonly Message[]): Message[] {
  const repaired: Message[] = [];
  const open = new Map<string, Slot>();
  const batches: { at: number; calls: CallPart[]; slots: (ResultPart | null)[]; interrupted: boolean }[] = [];

  for (const message of messages) {
    if (message.role === "user") {
      const asked = keepParts(message, (part) => part.type !== "tool_call" && part.type !== "tool_result");
      if (asked) repaired.push(asked);
    } else if (message.role === "tool") {
      for (const part of message.parts) if (part.type === "tool_result") fill(open, part);
    } else if (repaired.length > 0) {
      const said = repairAssistant(message);
      if (!said) continue;
      repaired.push(said);
      const calls = said.parts.filter((part) => part.type === "tool_call");
      if (calls.length === 0) continue;
      const slots: (ResultPart | null)[] = calls.map(() => null);
      // A provider may use an id again in a later step: the newest call takes the results from here on.
      calls.forEach((call, index) => open.set(call.callId, { results: slots, index }));
      batches.push({ at: repaired.length, calls, slots, interrupted: message.status === "interrupted" });
      repaired.push({ role: "tool", parts: [], status: "complete" });
    }
  }

  for (const { at, calls, slots, interrupted } of batches) {
    const parts = calls.map((call, index) => slots[index] ?? missingResult(call, interrupted));
    repaired[at] = { role: "tool", parts, status: "complete" };
  }
  return repaired;
}

/** The calls of the last assistant message that have no result after it, in order. */
export function openCalls(messages: readonly Message[]): CallPart[] {
  const last = messages.findLastIndex((message) => message.role === "assistant");
  const message = messages[last];
  if (!message) return [];
  const answered = new Set<string>();
  for (const { parts } of messages.slice(last + 1)) {
    for (const part of parts) if (part.type === "tool_result") answered.add(part.callId);
  }
  return message.parts.filter((part) => part.type === "tool_call" && !answered.has(part.callId)) as CallPart[];
}

/** Puts a result where its call waits; a second result and one without a call are dropped. */
function fill(open: Map<string, Slot>, result: ResultPart): void {
  const slot = open.get(result.callId);
  if (!slot) return;
  slot.results[slot.index] = result;
  open.delete(result.callId);
}

function repairAssistant(message: Message): Message | null {
  const cut = message.status !== "complete";
  const seen = new Set<string>();
  const kept = keepParts(message, (part) => {
    if (part.type === "text") return part.text !== "";
    if (part.type !== "tool_call" || seen.has(part.callId)) return false;
    if (cut && !isJson(part.args)) return false;
    seen.add(part.callId);
    return true;
  });
  if (!kept || (seen.size === 0 && textOf(kept).trim() === "")) return null;
  return cut ? markCut(kept) : kept;
}

/** Says in the text that it was cut. The status becomes `complete` with it, so that a second repair adds nothing. */
function markCut(message: Message): Message {
  const mark = message.status === "interrupted" ? "\n[interrupted by the user]" : "\n[the answer broke off here]";
  // Opaque provider data may sign a message as a whole, so it does not outlive a cut.
  const parts = message.parts.map((part): Part => {
    if (part.type !== "tool_call") return part;
    const { extra: _signature, ...call } = part;
    return call;
  });
  const lastText = parts.findLastIndex((part) => part.type === "text");
  const last = parts[lastText];
  if (last?.type === "text") parts[lastText] = { type: "text", text: last.text + mark };
  return { ...message, parts, status: "complete" };
}

/** The message with these parts only: itself when all stay, null when none does. */
function keepParts(message: Message, keep: (part: Part) => boolean): Message | null {
  const parts = message.parts.filter(keep);
  if (parts.length === 0) return null;
  return parts.length === message.parts.length ? message : { ...message, parts };
}

function missingResult(call: CallPart, interrupted: boolean): ResultPart {
  const text = interrupted ? "interrupted by the user" : "no result: the process was restarted";
  return { type: "tool_result", callId: call.callId, ok: false, text };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
