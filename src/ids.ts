import { createHash, randomBytes, randomUUID } from "node:crypto";

declare const brand: unique symbol;
type Branded<B extends string> = string & { readonly [brand]: B };

/** `usr_…`: a person or a group place. */
export type UserId = Branded<"user">;
/** `ses_…`: a TalkSession. */
export type SessionId = Branded<"session">;
/** `run_…`: one execution of a clone. */
export type RunId = Branded<"run">;
/** `msg_…`: one accepted or answered message. */
export type MessageId = Branded<"message">;
/** `plc_…`: a chat or thread an account talks in. */
export type PlaceId = Branded<"place">;
/** `out_…`: one page of the outbox. */
export type OutboxId = Branded<"outbox">;
/** `fil_…`: a file that came or was made. */
export type FileId = Branded<"file">;
/** `apr_…`: one question whether a call of a tool may be made. */
export type ApprovalId = Branded<"approval">;
/** `key_…`: a key of the API. */
export type KeyId = Branded<"key">;
/** `web_…`: a browser that is signed in. */
export type WebSessionId = Branded<"web session">;
/** `aud_…`: one entry of the audit log. */
export type AuditId = Branded<"audit">;
/** `fb_…`: what somebody thinks of an answer. */
export type FeedbackId = Branded<"feedback">;
/** `era_…`: the erasing of one person. */
export type ErasureId = Branded<"erasure">;
/** `<platform>:<id of the bot there>`, for example `telegram:4711`. */
export type AccountId = Branded<"account">;
/** 32 hexadecimal digits, as https://www.w3.org/TR/trace-context/#trace-id has them. */
export type TraceId = Branded<"trace">;
/** One gateway process. */
export type ReplicaId = Branded<"replica">;

type Prefix = {
  usr: UserId;
  ses: SessionId;
  run: RunId;
  msg: MessageId;
  plc: PlaceId;
  out: OutboxId;
  fil: FileId;
  apr: ApprovalId;
  fb: FeedbackId;
  era: ErasureId;
  rep: ReplicaId;
  key: KeyId;
  aud: AuditId;
  web: WebSessionId;
};

/** Mints an id: the prefix and 32 hexadecimal digits. */
export function newId<P extends keyof Prefix>(prefix: P): Prefix[P] {
  return `${prefix}_${randomUUID().replaceAll("-", "")}` as Prefix[P];
}

export function newTraceId(): TraceId {
  return randomBytes(16).toString("hex") as TraceId;
}

/** 16 hexadecimal digits: https://www.w3.org/TR/trace-context/#parent-id */
export function newSpanId(): string {
  return randomBytes(8).toString("hex");
}

/** The id of what a trace has once, the same whoever tells of it. */
export function spanIdOf(trace: TraceId, what: string): string {
  return createHash("sha256").update(`${trace} ${what}`).digest("hex").slice(0, 16);
}

const SHAPE = /^(usr|ses|run|msg|plc|out|fil|apr|key|aud|fb|era|rep|web)_[0-9a-f]{32}$/;

/** The id if `text` has the shape of one with this prefix, else null (which callers answer like an unknown id). */
export function readId<P extends keyof Prefix>(prefix: P, text: unknown): Prefix[P] | null {
  return typeof text === "string" && SHAPE.test(text) && text.startsWith(`${prefix}_`) ? (text as Prefix[P]) : null;
}

export function accountId(platform: string, externalId: string): AccountId {
  return `${platform}:${externalId}` as AccountId;
}
