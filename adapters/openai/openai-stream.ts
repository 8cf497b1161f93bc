import type { ModelEvent, ModelFailure, Usage } from "../../src/agent/model-client.ts";
import { type CallDelta, CallGatherer, type GatheredCall, isJson } from "./openai-calls.ts";
import { failureOfErrorEvent, FAILURES } from "./openai-errors.ts";
import { type SseEvent, SseReader } from "./openai-sse.ts";

/** What a chunk may hold; every field is checked where it is read. */
interface Chunk {
  object?: unknown;
  model?: unknown;
  error?: unknown;
  usage?: unknown;
  choices?: unknown;
}

interface Choice {
  delta?: Delta | null;
  /** Where a provider answers without streaming. */
  message?: Delta | null;
  finish_reason?: unknown;
}

interface Delta {
  role?: unknown;
  /** Of a result that a server's own tool gave (BaseAgent, fipsagents/serialization/openai_sse.py). */
  tool_call_id?: unknown;
  content?: unknown;
  refusal?: unknown;
  reasoning_content?: unknown;
  reasoning?: unknown;
  tool_calls?: unknown;
}

export interface ChatStreamOptions {
  /** The model that was asked for. */
  model: string;
  /** For calls that the provider gave no id. */
  newCallId: () => string;
  /** The server calls its tools itself and tells of them; left out: calls are for the asker to make. */
  foreignTools?: boolean;
  /** Makes what came with a call, fields of its own and the reasoning before it, recognisable for its way back. */
  wrapExtra: (fields: Record<string, unknown>, reasoning: string) => unknown;
  /** Takes secrets out of what a provider said about a failure. */
  redact: (text: string) => string;
}

/**
 * Finish reasons beside `stop` and `tool_calls`; any other is a proper end, too (`eos`, `end_turn` …). Not everybody has
 * OpenAI's: https://api-docs.deepseek.com/api/create-chat-completion, https://docs.z.ai/api-reference/llm/chat-completion
 */
const AT_A_LIMIT = /^(length|max_tokens|model_context_window_exceeded)$/;
const REFUSED = /^(content_filter|refusal|safety|sensitive|recitation|prohibited_content)$/;
const BROKEN_OFF =
  /^(error|abort|aborted|cancelled|timeout|network_error|insufficient_system_resource|malformed_function_call)$/;

const CALLS = /^(tool_calls|function_call|tool_use)$/;

/** More is not kept: no model thinks as long before a call. */
const MAX_THOUGHT_CHARS = 1_000_000;

/**
 * The answer of one chat.completions stream: bytes in, model events out; no clock, no socket. All text of one `push` is
 * one event. A finish reason is what proves an answer whole: a stream that ends without one is truncated, `[DONE]` or
 * not. Tool calls come out at the end, whatever the finish reason says.
 */
export class ChatStream {
  readonly #options: ChatStreamOptions;
  readonly #sse = new SseReader();
  readonly #calls = new CallGatherer();
  /** Of the server's own tools. */
  readonly #told = new Set<string>();
  #acts: ModelEvent[] = [];
  #model: string;
  #finishReason: string | null = null;
  #usage: Usage | undefined;
  #said = false;
  #refused = false;
  #pausedForTools = false;
  #text = "";
  #reasoning = "";
  /** All of the `reasoning_content`; of `reasoning` nothing need go back. */
  #thought = "";
  #final: ModelEvent[] | null = null;
  /** A content, reasoning, call, refusal or finish has come. */
  begun = false;
  /** Data events so far; comments do not count. */
  progress = 0;

  constructor(options: ChatStreamOptions) {
    this.#options = options;
    this.#model = options.model;
  }

  /** The stream has said its last word: `push` and `end` give nothing more. */
  get ended(): boolean {
    return this.#final !== null;
  }

  /** The answer is whole; only usage and `[DONE]` may follow. */
  get complete(): boolean {
    return this.#finishReason !== null;
  }

  push(bytes: Buffer): ModelEvent[] {
    this.#take(() => this.#sse.push(bytes));
    return this.#flush();
  }

  /**
   * The body is over, or broke off for the reason given. An answer that has its finish reason is whole all the same. A
   * last event that is cut in the middle is a truncation, not nonsense.
   */
  end(brokenBy: string | null = null): ModelEvent[] {
    if (this.ended) return [];
    this.#take(() => this.#sse.end().filter(({ data }) => data === "[DONE]" || isJson(data)));
    this.#finish(brokenBy);
    return this.#flush();
  }

  #take(read: () => SseEvent[]): void {
    try {
      for (const event of read()) {
        if (this.#final) break;
        this.progress++;
        if (event.data === "[DONE]") this.#finish();
        else this.#chunk(event);
      }
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      this.#fail(FAILURES.unreadable(cause.message));
    }
  }

  #flush(): ModelEvent[] {
    const events: ModelEvent[] = [];
    if (this.#reasoning !== "") events.push({ type: "reasoning", text: this.#reasoning.toWellFormed() });
    this.#reasoning = "";
    // Half of a surrogate pair waits for its other half: everything said is well formed.
    const cut = !this.#final && /[\ud800-\udbff]$/.test(this.#text) ? -1 : undefined;
    const text = this.#text.slice(0, cut);
    this.#text = this.#text.slice(text.length);
    if (text !== "") events.push({ type: "text", text: text.toWellFormed() });
    events.push(...this.#acts.splice(0));
    if (this.#final) events.push(...this.#final.splice(0));
    return events;
  }

  #chunk({ name, data }: SseEvent): void {
    let chunk: Chunk;
    try {
      chunk = JSON.parse(data) as Chunk;
    } catch {
      return this.#fail(FAILURES.unreadable("an event is not JSON"));
    }
    if (typeof chunk !== "object" || chunk === null) return this.#fail(FAILURES.unreadable("an event is no object"));
    if (chunk.error || name === "error" || chunk.object === "error") {
      return this.#fail(failureOfErrorEvent(chunk.error ?? chunk, this.#options.redact));
    }
    if (typeof chunk.model === "string" && chunk.model !== "") this.#model = chunk.model;
    this.#usage = readUsage(chunk.usage) ?? this.#usage;
    if (Array.isArray(chunk.choices)) this.#choice(chunk.choices[0] as Choice | undefined);
  }

  #choice(choice: Choice | undefined): void {
    const delta = choice?.delta ?? choice?.message;
    // What a tool found is not what the agent says.
    if (delta?.role === "tool") return this.#tellEnd(delta);
    const thought = textOf(delta?.reasoning_content);
    const reasoning = thought || textOf(delta?.reasoning);
    const refusal = textOf(delta?.refusal);
    const content = textOf(delta?.content) + refusal;
    const calls = Array.isArray(delta?.tool_calls) ? (delta.tool_calls as CallDelta[]) : [];
    this.#reasoning += reasoning;
    if (this.#thought.length < MAX_THOUGHT_CHARS) this.#thought += thought;
    this.#text += content;
    this.#said ||= content.trim() !== "";
    this.#refused ||= refusal !== "";
    for (const call of calls) if (typeof call === "object" && call !== null) this.#calls.add(call);
    if (this.#options.foreignTools && calls.length > 0) this.#tellStarts();
    // Ollama and SGLang wrote "" where others write null: an answer that goes on.
    const reason = choice?.finish_reason;
    if (typeof reason === "string" && reason !== "") this.#end(reason.toLowerCase());
    this.begun ||= reasoning !== "" || content !== "" || calls.length > 0 || this.#finishReason !== null;
  }

  /** A server that calls its tools itself goes on after them. */
  #end(reason: string): void {
    if (this.#options.foreignTools && CALLS.test(reason)) this.#pausedForTools = true;
    else this.#finishReason = reason;
  }

  /** Of calls whose arguments are whole; the others wait for their result. */
  #tellStarts(all = false): void {
    for (const { id, name, args } of this.#calls.calls()) {
      if (id === "" || this.#told.has(id) || !(all || (args.endsWith("}") && isJson(args)))) continue;
      this.#told.add(id);
      this.#acts.push({ type: "tool_started", callId: id, tool: name, args: args.toWellFormed() });
    }
  }

  #tellEnd({ tool_call_id: callId, content }: Delta): void {
    this.begun = true;
    if (!this.#options.foreignTools || typeof callId !== "string") return;
    this.#tellStarts(true);
    this.#acts.push({ type: "tool_finished", callId, text: textOf(content).toWellFormed() });
  }

  #fail(failure: ModelFailure): void {
    this.#final = [{ type: "failed", failure }];
  }

  #finish(brokenBy: string | null = null): void {
    if (this.#final) return;
    const reason = this.#finishReason ?? (this.#pausedForTools && this.#said ? "stop" : null);
    if (reason === null && this.#pausedForTools) return this.#fail(FAILURES.empty("stop"));
    if (reason === null) return this.#fail(FAILURES.truncated(brokenBy));
    if (BROKEN_OFF.test(reason)) return this.#fail(FAILURES.truncated(`finish reason ${reason}`));
    const calls = this.#options.foreignTools ? [] : this.#callEvents(reason);
    if (!this.#said && calls.length === 0) return this.#fail(FAILURES.empty(this.#reasonOf(reason)));
    const usage = this.#usage && { usage: this.#usage };
    const finished = { type: "finished" as const, reason: this.#reasonOf(reason), ...usage, model: this.#model };
    this.#final = [...calls, finished];
  }

  #reasonOf(reason: string): "stop" | "length" | "refusal" {
    if (AT_A_LIMIT.test(reason)) return "length";
    return this.#refused || REFUSED.test(reason) ? "refusal" : "stop";
  }

  /** A limit met in the middle of a call leaves arguments that nobody can read: that call was never made. */
  #callEvents(reason: string): ModelEvent[] {
    const whole = ({ args }: GatheredCall) => this.#reasonOf(reason) !== "length" || isJson(args);
    return this.#calls
      .calls()
      .filter(whole)
      .map(({ id, name, args, extra }, at) => {
        const thought = at === 0 ? this.#thought : "";
        return {
          type: "tool_call",
          callId: id === "" ? this.#options.newCallId() : id,
          tool: name,
          args: args === "" ? "{}" : args,
          ...((extra || thought !== "") && { extra: this.#options.wrapExtra(extra ?? {}, thought) }),
        };
      });
  }
}

/** Some providers stream content as parts. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === "string" ? part.text : "")).join("");
}

/** Some providers report usage on every chunk, others once at the end: the last one that makes sense holds. */
function readUsage(usage: unknown): Usage | undefined {
  if (typeof usage !== "object" || usage === null) return undefined;
  const {
    prompt_tokens: input,
    completion_tokens: output,
    prompt_tokens_details: ofInput,
    completion_tokens_details: ofOutput,
  } = usage as {
    prompt_tokens?: unknown;
    completion_tokens?: unknown;
    prompt_tokens_details?: { cached_tokens?: unknown } | null;
    completion_tokens_details?: { reasoning_tokens?: unknown } | null;
  };
  if (!isCount(input) || !isCount(output)) return undefined;
  const cached = ofInput?.cached_tokens;
  const reasoning = ofOutput?.reasoning_tokens;
  return {
    inputTokens: input,
    outputTokens: output,
    ...(isCount(cached) && { cachedTokens: cached }),
    ...(isCount(reasoning) && { reasoningTokens: reasoning }),
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
