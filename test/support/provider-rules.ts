/**
 * What providers refuse, and what a stored history must be, written down from their words and from the plan alone: this
 * file imports nothing, so that no mistake of the loop, the repair or the request can be repeated here. Each rule is as
 * strict as the strictest endpoint that is known to hold it.
 */

export type WireRule =
  | "no messages"
  | "unknown role"
  | "system message not at the beginning"
  | "does not begin with the user"
  | "ends with the assistant"
  | "roles do not alternate"
  | "user directly after results"
  | "empty text"
  | "no content"
  | "malformed text"
  | "malformed part"
  | "no calls in tool_calls"
  | "malformed call"
  | "call id of another shape"
  | "call id twice"
  | "tool name of another shape"
  | "arguments are no object"
  | "call without result"
  | "result without call"
  | "no tools in tools"
  | "tool name twice";

export interface Fault<Rule> {
  rule: Rule;
  /** Index of the message, or of its row. */
  at: number;
}

interface WireMessage {
  role?: unknown;
  content?: unknown;
  tool_calls?: unknown;
  tool_call_id?: unknown;
}

const ROLES = new Set(["system", "user", "assistant", "tool"]);
/**
 * The characters are Anthropic's (https://github.com/langchain-ai/langchain/pull/37756), the length is OpenAI's
 * (https://github.com/vercel/ai/issues/5171).
 */
const CALL_ID = /^[A-Za-z0-9_-]{1,40}$/;
/** https://platform.openai.com/docs/api-reference/chat/create, tools.function.name */
const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** https://platform.openai.com/docs/guides/images-vision */
const IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/;

/** Why an endpoint would refuse this body of chat.completions; empty = none would. */
export function wireFaults(body: { messages?: unknown; tools?: unknown }): Fault<WireRule>[] {
  const faults: Fault<WireRule>[] = [];
  const messages = (Array.isArray(body.messages) ? body.messages : []) as WireMessage[];
  const refuse = (rule: WireRule, at: number) => void faults.push({ rule, at });
  if (messages.length === 0) refuse("no messages", 0);

  const ids = new Set<string>();
  let due = new Set<string>();
  let spoke: unknown = "system";
  messages.forEach((message, at) => {
    const { role, content, tool_calls: calls } = message;
    if (!ROLES.has(role as string)) refuse("unknown role", at);
    // Qwen's template: "System message must be at the beginning" https://github.com/QwenLM/Qwen3.8/issues/244
    if (role === "system" && at > 0) refuse("system message not at the beginning", at);
    // Anthropic: "first message must use the "user" role" https://github.com/lobehub/lobehub/issues/1601, and Gemini:
    // "function call turn comes immediately after a user turn" https://github.com/google-gemini/gemini-cli/issues/26486
    if (spoke === "system" && role !== "user" && role !== "system") refuse("does not begin with the user", at);
    // "conversation roles must alternate user/assistant" https://github.com/vllm-project/vllm/issues/6862
    if (role !== "tool" && role === spoke && at > 0) refuse("roles do not alternate", at);
    // Mistral: "Unexpected role 'user' after role 'tool'" https://github.com/NousResearch/hermes-agent/issues/20154
    if (role === "user" && spoke === "tool") refuse("user directly after results", at);

    // "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'"
    // https://github.com/evalstate/fast-agent/issues/314, and Gemini: as many responses as calls, no more
    // https://github.com/google-gemini/gemini-cli/issues/17208
    if (role === "tool") {
      if (typeof message.tool_call_id !== "string" || !due.delete(message.tool_call_id))
        refuse("result without call", at);
    } else {
      if (due.size > 0) refuse("call without result", at);
      due = new Set();
    }

    for (const rule of contentFaults(content, role as string, calls !== undefined)) refuse(rule, at);
    if (calls !== undefined) {
      if (role !== "assistant") refuse("malformed call", at);
      if (!Array.isArray(calls) || calls.length === 0) refuse("no calls in tool_calls", at);
      for (const call of Array.isArray(calls) ? calls : []) {
        const { rules, id } = callFaults(call);
        for (const rule of rules) refuse(rule, at);
        if (id === null) continue;
        // Anthropic, over the whole request: "`tool_use` ids must be unique" https://github.com/NachoSEO/claudegram/issues/12
        if (ids.has(id)) refuse("call id twice", at);
        ids.add(id);
        due.add(id);
      }
    }
    spoke = role;
  });
  if (due.size > 0) refuse("call without result", messages.length);
  // Mistral: "Expected last role User or Tool" https://github.com/decolua/9router/pull/2129
  else if (spoke === "assistant") refuse("ends with the assistant", messages.length - 1);
  for (const rule of toolsFaults(body.tools)) refuse(rule, -1);
  return faults;
}

/** Anthropic: "text content blocks must contain non-whitespace text" https://github.com/home-assistant/core/issues/175637 */
function contentFaults(content: unknown, role: string, hasCalls: boolean): WireRule[] {
  if (content === null || content === undefined) return role === "assistant" && hasCalls ? [] : ["no content"];
  if (typeof content === "string") return textFaults(content);
  if (!Array.isArray(content)) return ["malformed part"];
  if (content.length === 0) return ["no content"];
  return (content as { type?: unknown; text?: unknown; image_url?: { url?: unknown } }[]).flatMap((part) => {
    if (part?.type === "text" && typeof part.text === "string") return textFaults(part.text);
    const url = part?.type === "image_url" && role === "user" ? part.image_url?.url : undefined;
    return typeof url === "string" && IMAGE.test(url) ? [] : ["malformed part"];
  });
}

/** Lone surrogates cannot be encoded (RFC 8259 §8.2); NUL is refused by servers that keep requests in Postgres. */
function textFaults(text: string): WireRule[] {
  if (!text.isWellFormed() || text.includes("\0")) return ["malformed text"];
  return text.trim() === "" ? ["empty text"] : [];
}

function callFaults(call: unknown): { rules: WireRule[]; id: string | null } {
  const { id, type, function: called } = (call ?? {}) as { id?: unknown; type?: unknown; function?: unknown };
  const { name, arguments: args } = (called ?? {}) as { name?: unknown; arguments?: unknown };
  if (type !== "function" || typeof id !== "string" || typeof name !== "string" || typeof args !== "string")
    return { rules: ["malformed call"], id: typeof id === "string" ? id : null };
  const rules: WireRule[] = [];
  if (!CALL_ID.test(id)) rules.push("call id of another shape");
  if (!TOOL_NAME.test(name)) rules.push("tool name of another shape");
  // vLLM reads what is replayed and wants an object https://github.com/vllm-project/vllm/pull/48922
  if (!isObject(args)) rules.push("arguments are no object");
  return { rules, id };
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Anthropic: "tools: Tool names must be unique" https://github.com/tailcallhq/forgecode/issues/892 */
function toolsFaults(tools: unknown): WireRule[] {
  if (tools === undefined) return [];
  if (!Array.isArray(tools) || tools.length === 0) return ["no tools in tools"];
  const names = tools.map((tool: { function?: { name?: unknown } } | null) => tool?.function?.name);
  if (!names.every((name) => typeof name === "string" && TOOL_NAME.test(name))) return ["tool name of another shape"];
  return new Set(names).size === names.length ? [] : ["tool name twice"];
}

export type StoredRule =
  | "gap in seq"
  | "gap in idx"
  | "message twice"
  | "run in two pieces"
  | "block does not begin with the user"
  | "part of another role"
  | "empty message"
  | "unknown status"
  | "cut message with calls"
  | "goes on after a cut"
  | "call without id"
  | "call id twice"
  | "call without result"
  | "result without call"
  | "completed without an answer"
  | "malformed text";

/** A row of `messages` as it stands in the database. */
export interface StoredRow {
  seq: number;
  message_id: string;
  run_id: string;
  idx: number;
  role: string;
  parts: { type: string; text?: string; callId?: string }[];
  status: string;
}

const PARTS: Record<string, Set<string>> = {
  user: new Set(["text", "context", "file"]),
  assistant: new Set(["text", "tool_call"]),
  tool: new Set(["tool_result"]),
};
const STATUS: Record<string, Set<string>> = {
  user: new Set(["complete"]),
  assistant: new Set(["complete", "interrupted", "truncated"]),
  tool: new Set(["complete"]),
};

/**
 * What is wrong with the whole stored history of a session, in order of `seq`. `ended`: the runs' states, where known:
 * a completed run has answered.
 */
export function storedFaults(
  rows: readonly StoredRow[],
  ended: ReadonlyMap<string, string> = new Map(),
): Fault<StoredRule>[] {
  const faults: Fault<StoredRule>[] = [];
  const refuse = (rule: StoredRule, at: number) => void faults.push({ rule, at });
  const messages = new Set<string>();
  const runs = new Set<string>();
  let block: StoredRow[] = [];
  rows.forEach((row, at) => {
    if (row.seq !== at + 1) refuse("gap in seq", at);
    if (messages.has(row.message_id)) refuse("message twice", at);
    messages.add(row.message_id);
    if (row.run_id !== block[0]?.run_id) {
      if (runs.has(row.run_id)) refuse("run in two pieces", at);
      runs.add(row.run_id);
      block = [];
    }
    if (row.idx !== block.length) refuse("gap in idx", at);
    block.push(row);
    const next = rows[at + 1];
    if (next?.run_id === row.run_id) return;
    for (const { rule, at: inBlock } of blockFaults(block, ended.get(row.run_id))) {
      refuse(rule, at - block.length + 1 + inBlock);
    }
  });
  return faults;
}

function blockFaults(block: readonly StoredRow[], state: string | undefined): Fault<StoredRule>[] {
  const faults: Fault<StoredRule>[] = [];
  const refuse = (rule: StoredRule, at: number) => void faults.push({ rule, at });
  if (block[0]?.role !== "user") refuse("block does not begin with the user", 0);
  const ids = new Set<string>();
  let due = new Set<string>();
  let cut = false;
  block.forEach(({ role, parts, status }, at) => {
    if (!STATUS[role]?.has(status)) refuse("unknown status", at);
    if (!parts.every(({ type }) => PARTS[role]?.has(type))) refuse("part of another role", at);
    if (parts.some(({ text = "" }) => text.includes("\0") || !text.isWellFormed())) refuse("malformed text", at);
    const calls = parts.filter(({ type }) => type === "tool_call");
    const says = parts.some(({ type, text = "" }) => type === "text" && text.trim() !== "");
    if (parts.length === 0 || (role === "assistant" && calls.length === 0 && !says)) refuse("empty message", at);
    if (role !== "tool" && due.size > 0) {
      refuse("call without result", at);
      due = new Set();
    }
    if (cut && (role !== "assistant" || calls.length > 0)) refuse("goes on after a cut", at);
    if (role === "assistant" && status !== "complete") {
      cut = true;
      if (calls.length > 0) refuse("cut message with calls", at);
    }
    for (const { callId = "" } of calls) {
      if (callId === "") refuse("call without id", at);
      if (ids.has(callId)) refuse("call id twice", at);
      ids.add(callId);
      due.add(callId);
    }
    if (role !== "tool") return;
    for (const { callId = "" } of parts) if (!due.delete(callId)) refuse("result without call", at);
  });
  if (due.size > 0) refuse("call without result", block.length);
  const last = block.at(-1);
  if (state === "completed" && (last?.role !== "assistant" || last.status !== "complete"))
    refuse("completed without an answer", block.length - 1);
  return faults;
}
