import { type Fault, hasQuirk, type Script } from "./script.ts";
import { callDeltas } from "./tool-call-deltas.ts";

/** One piece of the stream. `waits`: it comes `chunkEveryMs` after the one before; `chars`: text sent up to here. */
export interface Frame {
  bytes: Buffer;
  waits: boolean;
  chars: number;
}

/** How the stream ends once its frames are out: properly, by silence (with or without comments), or by a reset. */
export type StreamEnd = "end" | "stall" | "stall-comments" | "reset";

export interface StreamPlan {
  frames: Frame[];
  end: StreamEnd;
}

export interface PlanContext {
  model: string;
  includeUsage: boolean;
  inputTokens: number;
}

const MID_FAULTS = new Set<Fault | undefined>([
  "stall-mid",
  "stall-mid-comments",
  "truncate",
  "truncate-done",
  "reset-mid",
  "malformed",
  "error-event",
  "error-event-rate-limit",
  "error-event-context",
]);

const ERROR_EVENTS: Partial<Record<Fault, object>> = {
  "error-event": { message: "The server had an error while processing your request.", type: "server_error" },
  "error-event-rate-limit": { message: "Rate limit reached.", type: "rate_limit_exceeded", code: 429 },
  "error-event-context": {
    message: "Too many tokens.",
    type: "invalid_request_error",
    code: "context_length_exceeded",
  },
};

/** The whole stream of an answer, serialised once. Pure. */
export function planStream(script: Script, context: PlanContext): StreamPlan {
  const { fault } = script;
  if (fault === "stall-before") return { frames: [], end: "stall" };
  if (fault === "stall-comments") return { frames: [], end: "stall-comments" };
  const writer = new FrameWriter(script, context);
  const parts = contentDeltas(script);
  const cutAt = MID_FAULTS.has(fault) ? (script.faultAfterChunks ?? Math.ceil(parts.length / 2)) : parts.length;
  writer.delta({ role: "assistant", content: "" }, { waits: false });
  for (const part of parts.slice(0, cutAt)) writer.delta(part.delta, { waits: true, chars: part.chars });
  if (!MID_FAULTS.has(fault)) return { frames: writer.finish(), end: endOf(fault) };
  if (fault === "malformed") writer.data('{"id":"chatcmpl-fake","choices":[{"index":0,"del');
  const error = fault && ERROR_EVENTS[fault];
  if (error) writer.data(JSON.stringify({ error }));
  if (fault === "truncate-done") writer.data("[DONE]");
  return { frames: writer.frames, end: endOf(fault) };
}

function endOf(fault: Fault | undefined): StreamEnd {
  if (fault === "stall-mid" || fault === "no-end") return "stall";
  if (fault === "stall-mid-comments" || fault === "no-end-comments") return "stall-comments";
  return fault === "reset-mid" ? "reset" : "end";
}

function contentDeltas(script: Script): { delta: object; chars: number }[] {
  if (script.fault === "empty") return [];
  const chars = script.chunkChars ?? 4;
  const text = script.text ?? "";
  if (script.fault === "refusal") return pieces(text, chars).map((refusal) => ({ delta: { refusal }, chars: 0 }));
  const field = hasQuirk(script, "reasoning") ? "reasoning" : "reasoning_content";
  const reasoning = pieces(script.reasoning ?? "", chars).map((piece) => ({ delta: { [field]: piece }, chars: 0 }));
  const said = pieces(text, chars).map((content) => ({ delta: { content }, chars: content.length }));
  return [...reasoning, ...said, ...callDeltas(script).map((call) => ({ delta: { tool_calls: [call] }, chars: 0 }))];
}

/** Cuts by UTF-16 units, but never through a pair: each chunk is valid JSON text of its own, as real providers send. */
function pieces(text: string, size: number): string[] {
  const result: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + size, text.length);
    if (/[\ud800-\udbff]/.test(text[end - 1] ?? "") && end < text.length) end++;
    result.push(text.slice(start, end));
    start = end;
  }
  return result;
}

class FrameWriter {
  readonly frames: Frame[] = [];
  readonly #script: Script;
  readonly #context: PlanContext;
  readonly #head: string;
  readonly #newline: string;
  readonly #field: string;
  #chars = 0;

  constructor(script: Script, context: PlanContext) {
    this.#script = script;
    this.#context = context;
    const model = JSON.stringify(context.model);
    this.#head = `{"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1700000000,"model":${model},"choices":`;
    this.#newline = hasQuirk(script, "crlf") ? "\r\n" : "\n";
    this.#field = hasQuirk(script, "no-space") ? "data:" : "data: ";
  }

  data(json: string, frame: { waits: boolean } = { waits: false }): void {
    const comment = hasQuirk(this.#script, "comments") ? `: PROCESSING${this.#newline.repeat(2)}` : "";
    const text = `${comment}${this.#field}${json}${this.#newline.repeat(2)}`;
    this.frames.push({ bytes: Buffer.from(text), waits: frame.waits, chars: this.#chars });
  }

  delta(delta: object, options: { waits: boolean; chars?: number; finish?: string }): void {
    this.#chars += options.chars ?? 0;
    const finish = JSON.stringify(options.finish ?? null);
    const choice = `[{"index":0,"delta":${JSON.stringify(delta)},"finish_reason":${finish}}]`;
    this.data(`${this.#head}${choice}${this.#usageField()}}`, options);
  }

  finish(): Frame[] {
    const { script } = { script: this.#script };
    const calls = (script.toolCalls?.length ?? 0) > 0 && !hasQuirk(script, "gemini-no-index");
    const filtered = script.fault === "content-filter";
    this.delta(
      {},
      { waits: false, finish: filtered ? "content_filter" : (script.finish ?? (calls ? "tool_calls" : "stop")) },
    );
    const everyChunk = hasQuirk(script, "usage-every-chunk");
    const endless = script.fault === "no-end" || script.fault === "no-end-comments";
    if (this.#context.includeUsage && script.usage !== null && !everyChunk && !endless)
      this.data(`${this.#head}[],"usage":${this.#usage()}}`);
    if (script.fault !== "no-done" && !endless) this.data("[DONE]");
    return hasQuirk(script, "split-utf8") ? splitInsideCharacters(this.frames) : this.frames;
  }

  #usageField(): string {
    if (!this.#context.includeUsage || this.#script.usage === null) return "";
    return `,"usage":${hasQuirk(this.#script, "usage-every-chunk") ? this.#usage() : "null"}`;
  }

  #usage(): string {
    const { usage } = this.#script;
    const input = usage?.input ?? this.#context.inputTokens;
    const output = usage?.output ?? Math.ceil(this.#chars / 4);
    const cached = usage?.cached === undefined ? "" : `,"prompt_tokens_details":{"cached_tokens":${usage.cached}}`;
    return `{"prompt_tokens":${input},"completion_tokens":${output},"total_tokens":${input + output}${cached}}`;
  }
}

/** Moves every cut to where it hurts: inside a character of several bytes, else a few bytes before the end of the line. */
function splitInsideCharacters(frames: readonly Frame[]): Frame[] {
  let carry = Buffer.alloc(0);
  return frames.map((frame, index) => {
    const bytes = Buffer.concat([carry, frame.bytes]);
    const inside = bytes.findIndex((byte, at) => at > carry.length && (byte & 0xc0) === 0x80);
    const cut = index === frames.length - 1 ? bytes.length : inside > 0 ? inside : bytes.length - 3;
    carry = bytes.subarray(cut);
    return { ...frame, bytes: bytes.subarray(0, cut), waits: true };
  });
}
