/** One part of a message. Files and pictures are additions of later parts of the union. */
export type Part =
  | { type: "text"; text: string }
  /** `extra` is opaque provider data of the call; it is echoed only to the provider and model that made it. */
  | { type: "tool_call"; callId: string; tool: string; args: string; extra?: { model: string; data: unknown } }
  | { type: "tool_result"; callId: string; ok: boolean; text: string };

export type MessageStatus = "complete" | "interrupted" | "truncated";

/** Who wrote a user message in a place with several people; data for the model, never an authority. */
export interface Author {
  id: string;
  name: string;
}

/** One entry of a session's history, as agents and models see it. `tool` messages hold `tool_result` parts only. */
export interface Message {
  role: "user" | "assistant" | "tool";
  parts: Part[];
  status: MessageStatus;
  author?: Author;
}

export function textOf(message: Pick<Message, "parts">): string {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function userMessage(text: string, author?: Author): Message {
  const message: Message = { role: "user", parts: [{ type: "text", text }], status: "complete" };
  return author ? { ...message, author } : message;
}
