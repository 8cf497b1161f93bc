import type { AgentCard } from "../../src/agent/agent-card.ts";
import type { Clone } from "../../src/agent/agent-runner.ts";
import { makeClone, type CloneParts } from "../../src/agent/clone.ts";
import { createNativeRunner, type NativeRunnerOptions } from "../../src/agent/loop.ts";
import { userMessage, type Message, type Part } from "../../src/agent/message.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";

export const card: AgentCard = {
  name: "demo",
  description: "",
  instruction: "Help.",
  model: null,
  default: true,
  useHistory: true,
  sampling: {},
  maxSteps: 25,
  idleMs: null,
};

export function cloneOf(parts: Partial<CloneParts> & Pick<CloneParts, "model">): Clone {
  return makeClone({
    card,
    history: [],
    turn: [userMessage("what time is it?")],
    tools: scriptedTools({}),
    today: "2026-11-21",
    ...parts,
  });
}

/** All events of one run; `on` sees each before the next is asked for. */
export async function runIt(
  clone: Clone,
  options: Partial<NativeRunnerOptions> & { signal?: AbortSignal; on?: (event: RunEvent) => void } = {},
): Promise<RunEvent[]> {
  const { signal = new AbortController().signal, on, ...settings } = options;
  const events: RunEvent[] = [];
  for await (const event of createNativeRunner({ random: () => 0.5, ...settings }).run(clone, signal)) {
    events.push(event);
    on?.(event);
  }
  return events;
}

/** One short line per event, so that tests read as a protocol. */
export function protocol(events: readonly RunEvent[]): string[] {
  return events.map((event) => {
    switch (event.type) {
      case "text.delta":
        return `“${event.text}”`;
      case "reasoning.delta":
        return `thinks “${event.text}” ${event.ms} ms`;
      case "step.started":
        return `step ${event.step}`;
      case "tool.started":
        return `${event.tool}(${event.args}) started`;
      case "tool.progress":
        return `${event.callId} at ${event.progress}/${event.total ?? "?"}: ${event.text}`;
      case "tool.finished":
        return `${event.tool} ${event.ok ? "ok" : "error"}: ${event.text}`;
      case "message.completed":
        return `${event.message.role} ${event.message.status}: ${event.message.parts.map(describePart).join(" + ")}`;
      case "child.event":
        return `${event.instance} ${protocol([event.event]).join("")}`;
      case "usage":
        return `usage ${event.model} ${event.usage.inputTokens}/${event.usage.outputTokens}`;
      case "history.compacted":
        return `compacted ${event.before} to ${event.after}`;
      case "notice":
        return `${event.level}: ${event.text}`;
      case "run.waiting":
        return `waits for ${event.calls.map(({ tool, args, again }) => `${tool}(${args})${again ? " again" : ""}`).join(", ")}`;
      case "approval.requested":
      case "approval.resolved":
        return event.type;
      case "run.completed":
        return `completed: ${event.stopReason}`;
      case "run.failed":
        return `failed ${event.code}: ${event.message}`;
      case "run.cancelled":
        return "cancelled";
      case "run.started":
      case "run.restarted":
        return event.type;
      default:
        return event satisfies never;
    }
  });
}

function describePart(part: Part): string {
  switch (part.type) {
    case "text":
    case "context":
      return part.text;
    case "file":
      return part.name;
    case "tool_call":
      return `${part.tool}(${part.args})`;
    case "tool_result":
      return `${part.callId} ${part.ok ? "ok" : "error"}: ${part.text}`;
    default:
      return part satisfies never;
  }
}

export function answer(text: string, status: Message["status"] = "complete"): Message {
  return { role: "assistant", parts: [{ type: "text", text }], status };
}

export function asks(...calls: [callId: string, tool: string, args?: string][]): Message {
  const parts = calls.map(([callId, tool, args = "{}"]): Part => ({ type: "tool_call", callId, tool, args }));
  return { role: "assistant", parts, status: "complete" };
}

export function gives(...results: [callId: string, text: string][]): Message {
  const parts = results.map(([callId, text]): Part => ({ type: "tool_result", callId, ok: true, text }));
  return { role: "tool", parts, status: "complete" };
}
