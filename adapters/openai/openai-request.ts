import { createHash } from "node:crypto";
import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionContentPart,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageFunctionToolCall,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions";
import { type Message, type Part, textOf } from "../../src/agent/message.ts";
import type { ModelRequest, Sampling, SentImages } from "../../src/agent/model-client.ts";
import type { Quirks } from "../../src/agent/provider.ts";
import { turnText } from "../../src/agent/turn-text.ts";
import type { ToolDescription } from "../../src/agent/tool-source.ts";
import { isJson } from "./openai-calls.ts";

/** What a provider gave with a call, and is given back. */
export interface CallExtra {
  fields: Record<string, unknown>;
  /** What it thought before this call and its neighbours; "" = nothing that need go back. */
  reasoning: string;
}

export interface RequestOptions {
  /** Used when the request names none. */
  defaultModel: string;
  quirks: Quirks;
  /** The extras of a call that may go back to where they came from; null for those of others. */
  unwrapExtra: (data: unknown, model: string) => CallExtra | null;
}

type CallPart = Extract<Part, { type: "tool_call" }>;

const INTERRUPTED = "\n[interrupted by the user]";
const CUT_OFF = "\n[the answer broke off here]";
/** Stands between results and what the person said next: Mistral refuses a user message directly after a tool's. */
const NOT_ANSWERED = "[not answered]";
/** Anthropic refuses a text of white space alone, for as long as it is part of the history. */
const NO_WORDS = "(no words)";

/** A request as the body of chat.completions. Pure; nothing in it is shared with the request. */
export function chatRequest(request: ModelRequest, options: RequestOptions): ChatCompletionCreateParamsStreaming {
  const model = request.model ?? options.defaultModel;
  return {
    model,
    messages: chatMessages(request, (part) => options.unwrapExtra(part.extra?.data, model)),
    stream: true,
    ...(options.quirks.streamUsage && { stream_options: { include_usage: true } }),
    ...toolFields(request.tools, request.sampling, options.quirks),
    ...samplingFields(request.sampling, options.quirks),
  };
}

/**
 * Messages of one side that follow each other become one: many models' templates insist that roles alternate. Two
 * answers in a row are one that met its limit and the words that say so.
 */
function chatMessages(
  { instruction, messages, images = new Map() }: ModelRequest,
  extraOf: (part: CallPart) => CallExtra | null,
): ChatCompletionMessageParam[] {
  const result: ChatCompletionMessageParam[] = [];
  if (!isBlank(clean(instruction))) result.push({ role: "system", content: clean(instruction) });
  const ids = new WireIds();
  let said: ChatCompletionContentPart[] = [];
  const flushUser = () => {
    if (said.length === 0) return;
    if (result.at(-1)?.role === "tool") result.push({ role: "assistant", content: NOT_ANSWERED });
    const parts = said.filter((part) => part.type !== "text" || !isBlank(part.text));
    result.push({ role: "user", content: parts.length > 0 ? asTextAlone(parts) : NO_WORDS });
    said = [];
  };
  for (const message of messages) {
    if (message.role === "user") {
      said.push({ type: "text", text: clean(turnText(message, images)) }, ...imageParts(message, images));
      continue;
    }
    if (message.role === "tool") {
      flushUser();
      result.push(...toolMessages(message, ids));
      continue;
    }
    const answer = assistantMessage(message, extraOf, ids);
    if (!answer) continue;
    flushUser();
    const last = result.at(-1);
    if (last?.role === "assistant" && !last.tool_calls) {
      const content = [last.content, answer.content].filter((text) => typeof text === "string").join("\n\n");
      result[result.length - 1] = { ...answer, content };
    } else result.push(answer);
  }
  flushUser();
  return result;
}

/** The pictures of a message, in the order of their marks in its text. */
function imageParts({ parts }: Message, images: SentImages): ChatCompletionContentPart[] {
  return parts.flatMap((part): ChatCompletionContentPart[] => {
    const image = part.type === "file" && part.file ? images.get(part.file) : undefined;
    return image ? [{ type: "image_url", image_url: { url: `data:${image.mediaType};base64,${image.base64}` } }] : [];
  });
}

/** Many servers know no lists of parts: words alone go as a string. */
function asTextAlone(parts: ChatCompletionContentPart[]): string | ChatCompletionContentPart[] {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  return texts.length === parts.length ? texts.join("\n\n") : parts;
}

/**
 * An interrupted answer says so; the signatures a provider gave for it no longer fit and stay behind. The reasoning
 * before a call goes back to who wrote it under this name: DeepSeek refuses the request otherwise
 * (https://api-docs.deepseek.com/guides/thinking_mode).
 */
function assistantMessage(
  message: Message,
  extraOf: (part: CallPart) => CallExtra | null,
  ids: WireIds,
): ChatCompletionAssistantMessageParam | null {
  const text = clean(textOf(message));
  const said = isBlank(text) ? "" : text;
  const mark = message.status === "interrupted" ? INTERRUPTED : message.status === "truncated" ? CUT_OFF : "";
  const parts = message.parts.filter((part) => part.type === "tool_call");
  const extras = parts.map((part) => (message.status === "complete" ? extraOf(part) : null));
  const calls = parts.map((part, at) => chatCall(part, ids.ofCall(part.callId), extras[at]?.fields ?? null));
  const reasoning = clean(extras[0]?.reasoning ?? "");
  if (said === "" && calls.length === 0) return null;
  const content = said === "" ? null : said + mark;
  if (calls.length === 0) return { role: "assistant", content };
  return { role: "assistant", content, tool_calls: calls, ...(reasoning !== "" && { reasoning_content: reasoning }) };
}

/** Arguments that are no JSON object go out wrapped into one: some servers parse what they are replayed and refuse. */
function chatCall(
  part: CallPart,
  id: string,
  extra: Record<string, unknown> | null,
): ChatCompletionMessageFunctionToolCall {
  const args = clean(part.args);
  const sound = args.trimStart().startsWith("{") && isJson(args);
  const text = sound ? args : JSON.stringify(args.trim() === "" ? {} : { invalid_arguments: args });
  return { ...extra, id, type: "function", function: { name: toolName(part), arguments: text } };
}

const TOOL_NAME_CHARS = 64;
/** Longer ones are refused by OpenAI, other characters by Anthropic; Kimi's look like `functions.look:0`. */
const PORTABLE_ID = /^[A-Za-z0-9_-]{1,40}$/;

/**
 * The ids of calls in one request: each is of a shape that every provider takes, and of its own, which Anthropic wants of
 * the whole request. Two runs, or the answers of a provider that numbers its calls anew each time, may have the same.
 */
class WireIds {
  readonly #taken = new Set<string>();
  /** What the newest call of each id is called. */
  readonly #newest = new Map<string, string>();

  ofCall(callId: string): string {
    const given = clean(callId);
    let id = PORTABLE_ID.test(given) ? given : derived(given);
    for (let again = 2; this.#taken.has(id); again++) id = derived(`${given} ${again}`);
    this.#taken.add(id);
    this.#newest.set(callId, id);
    return id;
  }

  ofResult(callId: string): string {
    return this.#newest.get(callId) ?? callId;
  }
}

function derived(id: string): string {
  return `call_${createHash("sha256").update(id).digest("hex").slice(0, 32)}`;
}

/** A model may call a tool by any name; OpenAI refuses every later request that repeats one of another shape. */
function toolName({ tool }: CallPart): string {
  return tool.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, TOOL_NAME_CHARS);
}

function toolMessages(message: Message, ids: WireIds): ChatCompletionMessageParam[] {
  return message.parts.flatMap((part): ChatCompletionMessageParam[] => {
    if (part.type !== "tool_result") return [];
    const text = isBlank(clean(part.text)) ? "" : clean(part.text);
    const content = part.ok ? text || "(no output)" : `Error: ${text || "the tool failed"}`;
    return [{ role: "tool", tool_call_id: ids.ofResult(part.callId), content }];
  });
}

function toolFields(
  tools: readonly ToolDescription[],
  { parallelToolCalls }: Sampling,
  quirks: Quirks,
): Partial<ChatCompletionCreateParamsStreaming> {
  if (tools.length === 0) return {};
  const described = tools.map(({ name, description, schema }) => ({
    type: "function" as const,
    function: { name, description: clean(description), parameters: cleanDeep(schema) as Record<string, unknown> },
  }));
  const told = quirks.parallelToolCalls && parallelToolCalls !== undefined;
  return { tools: described, ...(told && { parallel_tool_calls: parallelToolCalls }) };
}

function samplingFields(sampling: Sampling, quirks: Quirks): Partial<ChatCompletionCreateParamsStreaming> {
  const { temperature, topP, maxTokens, presencePenalty, frequencyPenalty, stopSequences } = sampling;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxTokens !== undefined && { [quirks.limitField]: maxTokens }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(stopSequences?.length && { stop: stopSequences.map(clean) }),
    ...(quirks.moreSampling ? othersFields(sampling) : {}),
    ...reasoningFields(sampling, quirks),
  };
}

/** Servers that follow OpenAI's API know these (vLLM, llama.cpp, OpenRouter); OpenAI itself refuses what it does not. */
function othersFields({ topK, minP, repetitionPenalty }: Sampling): Record<string, number> {
  return {
    ...(topK !== undefined && { top_k: topK }),
    ...(minP !== undefined && { min_p: minP }),
    ...(repetitionPenalty !== undefined && { repetition_penalty: repetitionPenalty }),
  };
}

/** `reasoning` is OpenRouter's, and not in the SDK's types. https://openrouter.ai/docs/use-cases/reasoning-tokens */
function reasoningFields({ reasoning }: Sampling, quirks: Quirks): Partial<ChatCompletionCreateParamsStreaming> {
  if (reasoning === undefined || quirks.reasoning === "none") return {};
  const fields = quirks.reasoning === "effort" ? { reasoning_effort: reasoning } : { reasoning: { effort: reasoning } };
  return fields as Partial<ChatCompletionCreateParamsStreaming>;
}

/** NUL and lone surrogates are refused by providers, some with an error that never goes away for this history. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll("\0", "");
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}

function cleanDeep(value: unknown): unknown {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map(cleanDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [clean(key), cleanDeep(item)]));
}
