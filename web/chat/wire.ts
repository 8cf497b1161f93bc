/** The API's answers, as far as the page reads them: docs/openapi.json. */
export interface WireSession {
  session_id: string;
  id: string;
  parent_session_id: string | null;
  agent: string;
  platform: string;
  title: string;
  status: string;
  head_seq: number;
  version: number;
  metadata: Record<string, unknown>;
  created_at: string;
  updated_at: string;
}

export interface WirePart {
  type: string;
  text?: string;
  kind?: string;
  name?: string;
  media_type?: string;
  size?: number;
  file?: string;
  problem?: string;
  call_id?: string;
  tool?: string;
  args?: string;
  ok?: boolean;
}

export interface WireMessage {
  /** Null = not in the history yet. */
  seq: number | null;
  message_id: string;
  run_id: string | null;
  agent: string | null;
  trace_id: string | null;
  role: string;
  text: string;
  parts: WirePart[];
  status: string;
  author: { id: string; name: string } | null;
  created_at: string;
}

export interface WireThought {
  run_id: string;
  /** Before which assistant message of its run, from 1. */
  step: number;
  text: string;
  ms: number;
}

export interface WireRun {
  run_id: string;
  agent: string;
  trace_id: string;
  status: string;
  end_reason: string | null;
  error_code: string | null;
}

export interface WireHistory {
  messages: WireMessage[];
  next_cursor: string;
  has_more: boolean;
}

/** A file that the gateway has. */
export interface SentFile {
  file: string;
  name: string;
  size?: number | undefined;
  media_type?: string | undefined;
}
