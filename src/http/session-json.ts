import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { readId } from "../ids.ts";
import { type Caller, idSpace, type SessionRow } from "../store/session-reach.ts";

const Data = Type.Record(Type.String(), Type.Unknown());
const MaybeText = Type.Union([Type.String(), Type.Null()]);

export const SessionJson = Type.Object({
  session_id: Type.String({ description: "As whoever calls gave it, else the gateway's own" }),
  id: Type.String({ description: "The gateway's own" }),
  external_id: Type.Union([Type.String(), Type.Null()], { description: "As whoever made it gave it" }),
  parent_session_id: MaybeText,
  user_id: Type.String(),
  agent: Type.String(),
  agent_id: Type.String({ description: "The same" }),
  platform: Type.String(),
  title: Type.String(),
  status: Type.String({ description: "running, waiting (for a person's decision) or idle" }),
  history: Type.String({ description: "Who keeps it: gateway or agent" }),
  head_seq: Type.Integer({ description: "The seq of the newest message of the history; 0 = none." }),
  version: Type.Integer({ description: "Grows with every change; the ETag" }),
  metadata: Data,
  cost_data: Data,
  created_at: Type.String({ format: "date-time" }),
  updated_at: Type.String({ format: "date-time" }),
});

export function toSessionJson(caller: Caller, session: SessionRow): Static<typeof SessionJson> {
  return {
    session_id: shownId(caller, session),
    id: session.id,
    external_id: session.external_id,
    parent_session_id: session.parent_id,
    user_id: session.user_id,
    agent: session.agent,
    agent_id: session.agent,
    platform: session.platform,
    title: session.title,
    status: session.status,
    history: session.history,
    head_seq: session.head_seq,
    version: session.version,
    metadata: session.metadata,
    cost_data: session.cost_data,
    created_at: session.created_at.toISOString(),
    updated_at: session.updated_at.toISOString(),
  };
}

/** The id that the caller gave it, if it has, else the gateway's. */
export function shownId(caller: Caller, session: SessionRow): string {
  return session.external_id !== null && session.id_space === idSpace(caller) ? session.external_id : session.id;
}

export function etagOf({ version }: SessionRow): string {
  return `"${version}"`;
}

/** The version that a header If-Match asks for; null = any. Throws `stale` for what no session ever had. */
export function readIfMatch(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const version = /^\s*"(\d{1,15})"\s*$/.exec(header)?.[1];
  if (version === undefined) throw new GatewayError("stale", "If-Match is no ETag of this session.");
  return Number(version);
}

/** Where a page of a list that goes by a time of the database ended. */
export function writeMicrosCursor(micros: number, id: string): string {
  return `${micros}.${id}`;
}

/** Throws `invalid`. */
export function readMicrosCursor<P extends "ses" | "run">(prefix: P, text: string) {
  const [micros = "", rest] = text.split(".");
  const id = readId(prefix, rest);
  if (!/^\d{1,16}$/.test(micros) || !id) throw new GatewayError("invalid", "cursor is no cursor of this list.");
  return { micros: Number(micros), id };
}
