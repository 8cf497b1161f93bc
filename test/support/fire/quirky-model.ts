import { chatRequest } from "../../../adapters/openai/openai-request.ts";
import { ChatStream } from "../../../adapters/openai/openai-stream.ts";
import type { ModelClient, ModelEvent, ModelFailure, ModelRequest } from "../../../src/agent/model-client.ts";
import { quirksAt } from "../../../src/agent/provider-presets.ts";
import { type Fault, wireFaults, type WireRule } from "../provider-rules.ts";

/** What a provider does with one request, with the quirks that providers have. */
export interface Reply {
  texts: string[];
  calls: { id: string; tool: string; args: string }[];
  /** Null: the stream ends without one. */
  finish: string | null;
  /** How its calls are numbered. */
  indices: "own" | "zero" | "none";
  /** The arguments come in two pieces. */
  split: boolean;
  /** Instead of an answer. */
  refuses: ModelFailure["kind"] | null;
}

interface QuirkyModel extends ModelClient {
  /** Bodies that some provider would have refused, with why. */
  readonly refused: { faults: Fault<WireRule>[]; body: unknown }[];
  /** How many bodies there were. */
  readonly sent: number;
}

/**
 * A model behind the real request builder and the real reader of streams, without a socket: `reply` is asked for each
 * request. A gap of a turn of the event loop before each piece lets aborts come in between.
 */
export function quirkyModel(reply: (request: ModelRequest) => Reply, contextTokens = 128_000): QuirkyModel {
  const refused: QuirkyModel["refused"] = [];
  let sent = 0;

  async function* stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, undefined> {
    const body = chatRequest(request, {
      defaultModel: "quirky",
      quirks: quirksAt("http://127.0.0.1"),
      unwrapExtra: (data) => data as { fields: Record<string, unknown>; reasoning: string } | null,
    });
    sent += 1;
    const faults = wireFaults(body);
    if (faults.length > 0) refused.push({ faults, body });
    const { refuses, ...answer } = reply(request);
    if (refuses) {
      yield { type: "failed", failure: { kind: refuses, message: "No." } };
      return;
    }
    let ids = 0;
    const chat = new ChatStream({
      model: "quirky",
      newCallId: () => `made_${sent}_${(ids += 1)}`,
      wrapExtra: (fields, reasoning) => ({ fields, reasoning }),
      redact: (text) => text,
    });
    for (const piece of pieces(answer)) {
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) {
        yield { type: "failed", failure: { kind: "aborted", message: "Aborted." } };
        return;
      }
      yield* chat.push(Buffer.from(`data: ${JSON.stringify(piece)}\n\n`));
    }
    yield* chat.end();
  }

  return {
    refused,
    get sent() {
      return sent;
    },
    stream,
    contextTokens: () => contextTokens,
  };
}

function pieces({ texts, calls, finish, indices, split }: Omit<Reply, "refuses">): object[] {
  const delta = (fields: object) => ({ choices: [{ delta: fields }] });
  const called = calls.flatMap(({ id, tool, args }, at) => {
    const index = indices === "none" ? {} : { index: indices === "own" ? at : 0 };
    const head = { ...index, id, type: "function", extra_content: { signature: `${at}` } };
    const half = split ? Math.ceil(args.length / 2) : args.length;
    const first = { ...head, function: { name: tool, arguments: args.slice(0, half) } };
    const rest = { ...index, function: { arguments: args.slice(half) } };
    return split ? [delta({ tool_calls: [first] }), delta({ tool_calls: [rest] })] : [delta({ tool_calls: [first] })];
  });
  const end = finish === null ? [] : [{ choices: [{ delta: {}, finish_reason: finish }] }];
  return [...texts.map((content) => delta({ content })), ...called, ...end];
}
