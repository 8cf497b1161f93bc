import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { readId, type SessionId } from "../ids.ts";
import type { TalkSession } from "../talk/agent-service.ts";

export const SessionJson = Type.Object({
  session_id: Type.String(),
  user_id: Type.String(),
  agent: Type.String(),
  title: Type.String(),
  head_seq: Type.Integer({ description: "The seq of the newest message of the history; 0 = none." }),
  created_at: Type.String({ format: "date-time" }),
  updated_at: Type.String({ format: "date-time" }),
});

export function toSessionJson(session: TalkSession): Static<typeof SessionJson> {
  return {
    session_id: session.id,
    user_id: session.userId,
    agent: session.agent,
    title: session.title,
    head_seq: session.headSeq,
    created_at: session.createdAt.toISOString(),
    updated_at: session.updatedAt.toISOString(),
  };
}

/** Where a page of the list of sessions ended. */
export interface SessionCursor {
  updatedAt: Date;
  id: SessionId;
}

export function writeSessionCursor(last: TalkSession): string {
  return `${last.updatedAt.getTime()}.${last.id}`;
}

/** Throws `invalid`. */
export function readSessionCursor(text: string): SessionCursor {
  const [ms = "", rest] = text.split(".");
  const id = readId("ses", rest);
  if (!/^\d{1,15}$/.test(ms) || !id) throw new GatewayError("invalid", "before is no cursor of a list of sessions.");
  return { updatedAt: new Date(Number(ms)), id };
}
