import type { ColumnType, Generated, Kysely, Transaction } from "kysely";
import type { Author, Part } from "../agent/message.ts";
import type { BudgetScope, Spending } from "../agent/budgets.ts";
import type { ApprovalDecision } from "../agent/run-event.ts";
import type {
  AccountId,
  ApprovalId,
  AuditId,
  FeedbackId,
  FileId,
  MessageId,
  OutboxId,
  PlaceId,
  ReplicaId,
  RunId,
  SessionId,
  TraceId,
  UserId,
} from "../ids.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import type { ReplyTarget } from "../platform/reply-target.ts";
import type { AgentsTable } from "./agent-records.ts";
import type { CardVersionsTable } from "./card-versions.ts";
import type { LinkChat, LinkChats } from "./link-chats.ts";
import type { OperatorSchema } from "./operator-schema.ts";
import type { ReplicaLoad } from "./replicas.ts";

/** Timestamps default to the database's clock and are read as Date. */
type Time = ColumnType<Date, Date | string | undefined, Date | string>;
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
/** jsonb: read as the value; written as JSON text, already stripped of NUL (see json.ts). */
type Json<T> = ColumnType<T, string, string>;

export type InboxState = "waiting" | "taken" | "withdrawn" | "refused" | "handled" | "failed";
export type RunState = "running" | "waiting" | "completed" | "failed" | "cancelled";
export type OutboxState = "planned" | "sending" | "sent" | "uncertain" | "failed";

/** How far operators are with an opinion. */
export type Triage = "new" | "seen" | "done";

export type FeedbackSource = "telegram" | "slack" | "web" | "api" | "llm_judge";

/** A run's reply target and what is known of the place; null for sessions of the API. */
export type RunTarget = ReplyTarget & { placeKind: "private" | "group" };

/** Whose budgets a run uses, what is held of them while it goes on, and what it may use itself; null = no limit. */
export interface RunBudget {
  scopes: string[];
  held: Spending;
  allowed: { tokens: number | null; micros: number | null };
  /** Whose budget is used up, so that it is not begun. */
  refused?: BudgetScope;
}

/** A compaction that a person has asked for; what came before `arrivalNo` is no reason to end it. */
export interface CompactionAsked {
  arrivalNo: number;
  /** Where its outcome is told; null = over the API. */
  target: RunTarget | null;
  language: string;
  askedMs: number;
}

/** What an entry of the audit log says besides: ids, numbers and settings, never names or texts. */
export type AuditDetail = Record<string, string | number | boolean | null | readonly string[]>;

export interface Schema extends OperatorSchema {
  users: {
    id: UserId;
    kind: "person" | "place";
    created_at: Time;
    language: string | null;
    on_busy: string | null;
    agent: string | null;
  };
  identities: {
    platform: string;
    external_id: string;
    user_id: UserId;
    name: Generated<string>;
    approved_at: MaybeTime;
    own_user_id: UserId | null;
    link: ColumnType<LinkChats | null, string | null | undefined, string | null>;
    blocked_at: MaybeTime;
    block_told_at: MaybeTime;
    created_at: Time;
  };
  accounts: { id: AccountId; platform: string; intake_owner: ReplicaId | null; intake_until: MaybeTime };
  places: {
    id: PlaceId;
    account_id: AccountId;
    chat: string;
    thread: string;
    kind: "private" | "group";
    user_id: UserId;
    session_id: SessionId;
    title: Generated<string>;
    blocked_until: MaybeTime;
    gone_at: MaybeTime;
    on_busy: string | null;
    agent: string | null;
    own_user_id: UserId | null;
    created_at: Time;
  };
  pairings: {
    code: string;
    platform: string;
    external_id: string;
    name: Generated<string>;
    told: Generated<number>;
    expires_at: Time;
    created_at: Time;
  };
  link_codes: {
    platform: string;
    external_id: string;
    hash: string;
    chat: Json<LinkChat>;
    expires_at: Time;
  };
  link_tries: { platform: string; external_id: string; failed: Generated<number>; since: Time };
  talk_sessions: {
    id: SessionId;
    user_id: UserId;
    agent: string;
    title: Generated<string>;
    place_id: PlaceId | null;
    head_seq: Generated<number>;
    arrival_no: Generated<number>;
    stop_through: Generated<number>;
    own_user_id: UserId | null;
    model: string | null;
    token_ratios: ColumnType<Record<string, number>, string | undefined, string>;
    platform: Generated<string>;
    history: Generated<"gateway" | "agent">;
    id_space: string | null;
    external_id: string | null;
    create_key: string | null;
    create_digest: string | null;
    parent_id: SessionId | null;
    hidden: Generated<string>;
    version: Generated<number>;
    metadata: ColumnType<Record<string, unknown>, string | undefined, string>;
    cost_data: ColumnType<Record<string, unknown>, string | undefined, string>;
    created_at: Time;
    updated_at: Time;
  };
  messages: {
    session_id: SessionId;
    seq: number;
    message_id: MessageId;
    run_id: RunId;
    idx: number;
    role: "user" | "assistant" | "tool";
    parts: Json<Part[]>;
    status: "complete" | "interrupted" | "truncated";
    author: Json<Author | null>;
    agent: string | null;
    trace_id: string | null;
    hidden: Generated<boolean>;
    original: ColumnType<Record<string, unknown> | null, string | null | undefined, string | null>;
    created_at: Time;
  };
  inbox: {
    account_id: AccountId;
    update_key: string;
    session_id: SessionId | null;
    arrival_no: number | null;
    message_id: MessageId;
    state: InboxState;
    run_id: RunId | null;
    author: ColumnType<Author | null, string | null | undefined, string | null>;
    parts: ColumnType<Part[] | null, string | null | undefined, string | null>;
    chat_message_id: string | null;
    burst: string | null;
    language: Generated<string>;
    receipt: string | null;
    asks: string | null;
    key_id: string | null;
    written_at: Time;
    received_at: Time;
  };
  lanes: {
    session_id: SessionId;
    lane: number;
    user_id: UserId;
    ready_at: Time;
    arrivals: Generated<number>;
    owner: ReplicaId | null;
    lease_until: MaybeTime;
    lease_no: Generated<number>;
    compact: ColumnType<CompactionAsked | null, string | null | undefined, string | null>;
  };
  compactions: {
    session_id: SessionId;
    first_kept_seq: number;
    summary: string;
    tokens_before: number;
    tokens_after: number;
    model: string;
    run_id: RunId;
    created_at: Time;
  };
  runs: {
    session_id: SessionId;
    id: RunId;
    trace_id: ColumnType<TraceId, TraceId | undefined, never>;
    lane: number;
    state: RunState;
    agent: string;
    asked: string | null;
    policy: string;
    language: Generated<string>;
    attempt: Generated<number>;
    crashes: Generated<number>;
    handed_over: Generated<boolean>;
    owner: ReplicaId | null;
    input_through: number;
    authors: Generated<string[]>;
    reply_target: ColumnType<RunTarget | null, string | null, string | null>;
    end_reason: string | null;
    error_code: string | null;
    queued_at: Time;
    started_at: Time;
    ended_at: MaybeTime;
    budget: ColumnType<RunBudget | null, string | null | undefined, string | null>;
    stop: Generated<boolean>;
    card_version: string | null;
    vote_hash: string | null;
  };
  feedback: {
    id: FeedbackId;
    session_id: SessionId | null;
    run_id: RunId | null;
    message_id: MessageId | null;
    trace_id: string | null;
    target: string;
    key: string;
    author: string;
    user_id: UserId | null;
    own_user_id: UserId | null;
    agent: string | null;
    agent_type: string | null;
    model: string | null;
    card_version: string | null;
    source: FeedbackSource;
    rating: 1 | -1;
    score: number | null;
    tags: Generated<string[]>;
    comment: string | null;
    correction: string | null;
    latency_ms: number | null;
    turn_index: number | null;
    ask_page: OutboxId | null;
    ask_until: MaybeTime;
    triage: Generated<Triage>;
    created_at: Time;
    updated_at: Time;
  };
  run_usage: {
    session_id: SessionId;
    run_id: RunId;
    agent: string;
    model: string;
    input_tokens: number;
    cached_tokens: number;
    output_tokens: number;
    reasoning_tokens: number;
    cost_micros: number | null;
    at: Time;
  };
  budget_counters: {
    scope: string;
    day: Time;
    tokens: Generated<number>;
    micros: Generated<number>;
    minute: MaybeTime;
    minute_runs: Generated<number>;
    warned: Generated<boolean>;
  };
  run_events: {
    session_id: SessionId;
    run_id: RunId;
    attempt: number;
    n: number;
    type: string;
    data: Json<Record<string, unknown>>;
    created_at: Time;
  };
  approvals: {
    session_id: SessionId;
    id: ApprovalId;
    run_id: RunId;
    call_id: string;
    tool: string;
    args: string;
    args_sha256: string;
    again: boolean;
    approvers: string[];
    page_id: OutboxId | null;
    expires_at: Time;
    decision: ApprovalDecision | null;
    decided_by: string | null;
    decided_at: MaybeTime;
    used_at: MaybeTime;
    used_by: string | null;
    created_at: Time;
  };
  outbox: {
    id: OutboxId;
    session_id: SessionId | null;
    run_id: RunId | null;
    attempt: Generated<number>;
    page: Generated<number>;
    kind: "answer" | "reply" | "receipt" | "file";
    account_id: AccountId;
    chat: string;
    thread: string;
    reply_to: string | null;
    place_kind: "private" | "group";
    content: ColumnType<RenderedPage | null, string | null | undefined, string | null>;
    file_id: FileId | null;
    state: OutboxState;
    message_id: string | null;
    remove: Generated<boolean>;
    resolved: "shown" | "dropped" | null;
    repeat: Generated<boolean>;
    due_at: MaybeTime;
    owner: ReplicaId | null;
    lease_until: MaybeTime;
    tries: Generated<number>;
    error: string | null;
    created_at: Time;
    shown_at: MaybeTime;
  };
  replicas: {
    id: ReplicaId;
    host: string;
    boot_id: string;
    pid: number;
    started_at: string;
    load: ColumnType<ReplicaLoad, string | undefined, string>;
    edits: ColumnType<Record<string, number>, string | undefined, string>;
    seen_at: Time;
  };
  files: {
    id: FileId;
    session_id: SessionId;
    name: string;
    media_type: string;
    size: number;
    content: Uint8Array;
    created_at: Time;
    unsent: Generated<boolean>;
  };
  memories: {
    user_id: UserId;
    agent: string;
    id: string;
    fact: string;
    own_user_id: UserId | null;
    created_at: Time;
  };
  api_rates: { scope: string; paid_at: Time };
  audit_log: {
    id: AuditId;
    at: Time;
    actor: string;
    action: string;
    target: string;
    detail: Json<AuditDetail>;
  };
  agents: AgentsTable;
  card_versions: CardVersionsTable;
  chat_threads: {
    user_id: UserId;
    key: string;
    session_id: SessionId;
    head_seq: number | null;
    created_at: Time;
  };
  early_edits: {
    account_id: AccountId;
    chat: string;
    chat_message_id: string;
    parts: ColumnType<Part[] | null, string | null, string | null>;
    created_at: Time;
  };
}

/** The root connection: single statements, and where transactions begin. */
export type Root = Kysely<Schema>;
export type Trx = Transaction<Schema>;
/** Statements take either. */
export type Db = Root | Trx;
