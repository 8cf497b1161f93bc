import { type Message, textOf } from "../agent/message.ts";
import type { FollowItem, TalkSession } from "../talk/agent-service.ts";
import { toMessageJson, toPartJson } from "./message-json.ts";
import type { SentEvent } from "./write-events.ts";

/**
 * An item of a session as an event: `message`, `accepted`, or the name of what happened in a run. Each carries its
 * session and agent, those of runs also their run, attempt and number.
 */
export function toSentEvent(session: TalkSession, item: FollowItem): SentEvent {
  const envelope = { session_id: session.id, agent: session.agent };
  if (item.kind !== "event") {
    const message = toMessageJson(item);
    const agent = message.agent ?? session.agent;
    return { id: item.cursor, event: item.kind, data: { ...envelope, ...message, agent } };
  }
  const { runId, attempt, n, type, at } = item;
  const data = { ...envelope, run_id: runId, attempt, n, type, at: at.toISOString(), ...toFields(type, item.data) };
  return { id: item.cursor, event: type, data };
}

/** The fields of a run's event by the API's names. */
function toFields(type: string, data: Record<string, unknown>): Record<string, unknown> {
  const { callId, readOnly, stopReason, traceId, message, kept, event, ...rest } = data;
  return {
    ...rest,
    ...(callId === undefined ? {} : { call_id: callId }),
    ...(readOnly === undefined ? {} : { read_only: readOnly }),
    ...(traceId === undefined ? {} : { trace_id: traceId }),
    ...(stopReason === undefined ? {} : { stop_reason: stopReason }),
    ...(type === "message.completed" ? { message: toPlainMessage(message as Message) } : {}),
    ...(type === "run.restarted" ? { kept: (kept as Message[]).map(toPlainMessage) } : {}),
    ...(type === "child.event" ? { event: toInnerEvent(event as InnerEvent) } : {}),
    // Here it is a sentence, there a whole message.
    ...(type === "run.failed" ? { message } : {}),
  };
}

type InnerEvent = { type: string } & Record<string, unknown>;

/** What happened in an agent that another one called. */
function toInnerEvent({ type, ...data }: InnerEvent): object {
  return { type, ...toFields(type, data) };
}

function toPlainMessage(message: Message): object {
  return {
    role: message.role,
    text: textOf(message),
    parts: message.parts.map(toPartJson),
    status: message.status,
  };
}
