import type { Part } from "../agent/message.ts";
import type { SavedMessage } from "../store/change-session.ts";

/** A message in the form of https://platform.openai.com/docs/api-reference/chat/create, which agents keep. */
export interface ChatMessage {
  role: string;
  content?: unknown;
  tool_calls?: unknown;
  tool_call_id?: unknown;
  [field: string]: unknown;
}

/** What people are shown of a message that an agent keeps; the message itself is kept as it is. */
export function readSaved(message: ChatMessage): SavedMessage {
  const { role } = message;
  const said = textsOf(message.content);
  if (role === "tool" || role === "function") {
    const callId = typeof message.tool_call_id === "string" ? message.tool_call_id : "";
    return {
      role: "tool",
      parts: [{ type: "tool_result", callId, ok: true, text: said.join("\n") }],
      original: message,
    };
  }
  const parts: Part[] = [
    ...said.map((text): Part => ({ type: "text", text })),
    ...(Array.isArray(message.tool_calls) ? message.tool_calls.flatMap(callOf) : []),
  ];
  return { role: role === "assistant" ? "assistant" : "user", parts, original: message };
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") return content === "" ? [] : [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part: unknown) => {
    const { text } = (part ?? {}) as { text?: unknown };
    return typeof text === "string" ? [text] : [];
  });
}

function callOf(call: unknown): Part[] {
  const { id, function: called } = (call ?? {}) as { id?: unknown; function?: { name?: unknown; arguments?: unknown } };
  if (typeof id !== "string" || typeof called?.name !== "string") return [];
  return [
    {
      type: "tool_call",
      callId: id,
      tool: called.name,
      args: typeof called.arguments === "string" ? called.arguments : JSON.stringify(called.arguments ?? {}),
    },
  ];
}
