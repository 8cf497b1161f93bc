/** What the fake model is to do with one request. Absent fields come from the server's defaults. */
export interface Script {
  text?: string;
  reasoning?: string;
  /** Characters of text in one chunk. */
  chunkChars?: number;
  /** From the request to the first chunk. */
  ttftMs?: number;
  /** Between two chunks; 0 = all in one write. */
  chunkEveryMs?: number;
  toolCalls?: readonly ScriptedCall[];
  /** Null = the provider reports none, even if asked. */
  usage?: { input: number; output: number; cached?: number } | null;
  /** Default: `tool_calls` with calls, else `stop`. */
  finish?: string;
  fault?: Fault;
  /** Chunks that go out before a fault in mid-answer; default half of them. */
  faultAfterChunks?: number;
  /** The Retry-After header of an error answer, in seconds or as written. */
  retryAfter?: number | string;
  quirk?: Quirk | readonly Quirk[];
}

export interface ScriptedCall {
  id?: string;
  name: string;
  /** A string goes out as it is, valid JSON or not. */
  args?: string | Record<string, unknown>;
  /** Sent as `extra_content` of the call. */
  extra?: unknown;
}

export type Fault =
  // An HTTP error instead of a stream; "html" is a proxy's 502 page, "bad-request" any other 400.
  | "500"
  | "503"
  | "429"
  | "quota"
  | "401"
  | "404"
  | "html"
  | "bad-request"
  | "context-too-long"
  | "no-images"
  // Nothing to read: no headers at all, headers only, headers and keep-alive comments for ever, connection closed.
  | "no-headers"
  | "stall-before"
  | "stall-comments"
  | "hang-up"
  // Half an answer, then …
  | "stall-mid"
  | "stall-mid-comments"
  | "truncate"
  | "truncate-done"
  | "reset-mid"
  | "malformed"
  | "error-event"
  | "error-event-rate-limit"
  | "error-event-context"
  // Whole streams that say nothing useful.
  | "empty"
  | "refusal"
  | "content-filter"
  // Everything said, but: no `[DONE]`; or neither `[DONE]` nor an end; or comments for ever instead.
  | "no-done"
  | "no-end"
  | "no-end-comments";

export type Quirk =
  | "idx0"
  | "gemini-no-index"
  | "interleaved"
  | "reasoning_content"
  | "reasoning"
  | "empty-ids"
  | "usage-every-chunk"
  | "crlf"
  | "comments"
  | "no-space"
  | "split-utf8";

export function hasQuirk(script: Script, quirk: Quirk): boolean {
  return script.quirk === quirk || (Array.isArray(script.quirk) && script.quirk.includes(quirk));
}

/** One message as it stood in the request's body. */
export interface SentChatMessage {
  role: string;
  content?: unknown;
  tool_calls?: { id: string; function: { name: string; arguments: string }; extra_content?: unknown }[];
  tool_call_id?: string;
}

export function contentText(message: SentChatMessage | undefined): string {
  const content = message?.content;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("");
}

/** The answer when no rule speaks: what was said last, then numbered words, so that any gap or repeat is seen. */
export function defaultText(messages: readonly SentChatMessage[], words: number): string {
  const said = contentText(messages.findLast((message) => message.role === "user"));
  const quote = said.length > 200 ? `${said.slice(0, 200).toWellFormed()}…` : said;
  const tail = Array.from({ length: words }, (_, index) => `word${index + 1}`).join(" ");
  return `You said: ${quote}\n\n${tail}`;
}
