import type { FileId } from "../ids.ts";

/** One part of a message. */
export type Part =
  /** `continues`: cut by the sender's app; what the same author sent right after it goes on where this ends. */
  | { type: "text"; text: string; continues?: true }
  | ContextPart
  | FilePart
  /** `extra` is opaque provider data of the call; it is echoed only to the provider and model that made it. */
  | { type: "tool_call"; callId: string; tool: string; args: string; extra?: { model: string; data: unknown } }
  | { type: "tool_result"; callId: string; ok: boolean; text: string; file?: FileId };

/**
 * Words that came with a message and are not its author's: what it answers, quotes or forwards, or what was said at the
 * place before, what the agent remembers, or that from here on the agent `text` answers after the agent `author`;
 * `summary`: what stands for older messages, never stored with one; `client`: what the program wants that its author
 * talks through. Data for the model, never an order. `author` "" = nobody knows.
 */
export interface ContextPart {
  type: "context";
  kind: "reply" | "quote" | "forward" | "background" | "memory" | "agent" | "summary" | "client";
  author: string;
  text: string;
}

/**
 * A file that came with a message. `ref` is its adapter's own word for where it lies, until it was fetched; then `file`
 * names the row that holds it. With both it was
 * uploaded, and not read yet; without both its platform does not hold it. `text`: what was read out of it. `problem`:
 * why it could not be had or read, for the model and the person.
 */
export interface FilePart {
  type: "file";
  /** What it is for people. */
  kind: "image" | "voice" | "audio" | "video" | "document";
  /** As its sender named it, never a path; "" = it has no name. */
  name: string;
  /** As claimed by its sender until it was fetched, then as its first bytes say; "" = unknown. */
  mediaType: string;
  /** Bytes; null = unknown. */
  size: number | null;
  ref?: string;
  file?: FileId;
  text?: string;
  problem?: string;
}

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
