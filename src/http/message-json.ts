import { type Static, Type } from "typebox";
import { type Message, type Part, textOf } from "../agent/message.ts";
import type { FollowItem } from "../talk/agent-service.ts";

const PartJson = Type.Object({ type: Type.String() }, { additionalProperties: true });

/** What an agent that keeps its history wrote besides goes out with it, as it was. */
export const MessageJson = Type.Object(
  {
    seq: Type.Union([Type.Integer(), Type.Null()], { description: "Its place in the history; null = not there yet." }),
    message_id: Type.String(),
    run_id: Type.Union([Type.String(), Type.Null()]),
    agent: Type.Union([Type.String(), Type.Null()], { description: "Who answered, or was asked" }),
    trace_id: Type.Union([Type.String(), Type.Null()]),
    role: Type.String({ description: "user, assistant or tool" }),
    text: Type.String(),
    content: Type.Unknown({ description: "The text, or as the agent that keeps the history wrote it" }),
    parts: Type.Array(PartJson),
    status: Type.String({ description: "complete, interrupted or truncated; accepted = not in the history yet" }),
    author: Type.Union([Type.Object({ id: Type.String(), name: Type.String() }), Type.Null()]),
    created_at: Type.String({ format: "date-time" }),
  },
  { additionalProperties: true },
);

type MessageItem = Extract<FollowItem, { message: Message }>;

export function toMessageJson(item: MessageItem): Static<typeof MessageJson> {
  const { message } = item;
  const isStored = item.kind === "message";
  const text = textOf(message);
  return {
    content: text,
    ...(isStored ? item.original : null),
    seq: isStored ? item.seq : null,
    message_id: item.messageId,
    run_id: isStored ? item.runId : null,
    agent: isStored ? item.agent : null,
    trace_id: isStored ? item.traceId : null,
    role: isStored && typeof item.original?.["role"] === "string" ? item.original["role"] : message.role,
    text,
    parts: message.parts.map(toPartJson),
    status: isStored ? message.status : "accepted",
    author: message.author ?? null,
    created_at: item.createdAt.toISOString(),
  };
}

/** Without what only the provider of the model is meant to read. */
export function toPartJson(part: Part): { type: string; [field: string]: unknown } {
  switch (part.type) {
    case "text":
      return { type: part.type, text: part.text };
    case "context":
      return { type: part.type, kind: part.kind, author: part.author, text: part.text };
    case "file":
      return {
        type: part.type,
        kind: part.kind,
        name: part.name,
        media_type: part.mediaType,
        size: part.size,
        ...(part.file === undefined ? {} : { file: part.file }),
        ...(part.problem === undefined ? {} : { problem: part.problem }),
      };
    case "tool_call":
      return { type: part.type, call_id: part.callId, tool: part.tool, args: part.args };
    case "tool_result":
      return {
        type: part.type,
        call_id: part.callId,
        ok: part.ok,
        text: part.text,
        ...(part.file === undefined ? {} : { file: part.file }),
      };
    default:
      return part satisfies never;
  }
}
