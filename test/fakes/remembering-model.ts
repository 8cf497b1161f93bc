import type { ModelClient, ModelEvent, ModelRequest } from "../../src/agent/model-client.ts";
import { turnText } from "../../src/agent/turn-text.ts";

/** A fact as people tell it: `FACT city = Riga`. */
const FACT = /FACT (\w+) = (\w+)/g;

export interface RememberingModel extends ModelClient {
  /** Everything it was asked, in order. */
  readonly requests: readonly ModelRequest[];
  /** Those among them that asked for a summary. */
  readonly summaries: readonly ModelRequest[];
  /** Tokens of the longest request that it did not refuse. */
  readonly most: number;
}

export interface RememberingOptions {
  /** Tokens of its own count that it reads; more is refused. */
  window: number;
  /** What is known of that; left out: all. */
  known?: number | null;
  /** Characters that it counts as one token. */
  charsPerToken?: number;
  /** What it says instead of a summary, or of an answer; null = nothing else. */
  instead?: (of: "summary" | "answer") => ModelEvent | null | Promise<ModelEvent | null>;
}

/**
 * A model that knows nothing but what it is sent. Asked for a summary it keeps the facts it is given; asked `What is
 * <name>?` it answers by the newest such fact in its request; anything else it acknowledges. It counts tokens in its
 * own way, reports them, and refuses what is too long.
 */
export function rememberingModel({
  window,
  known = window,
  charsPerToken = 4,
  instead,
}: RememberingOptions): RememberingModel {
  const requests: ModelRequest[] = [];
  const summaries: ModelRequest[] = [];
  let most = 0;

  async function* play(request: ModelRequest): AsyncGenerator<ModelEvent, void, undefined> {
    const asked = { ...request, messages: [...request.messages] };
    requests.push(asked);
    const said = request.messages.map((message) => `${turnText(message)}${answerText(message)}`);
    const words = [request.instruction, JSON.stringify(request.tools), ...said];
    const inputTokens = Math.ceil(words.join("\n").length / charsPerToken);
    if (inputTokens > window) {
      yield { type: "failed", failure: { kind: "context_too_long", message: "The talk is too long." } };
      return;
    }
    most = Math.max(most, inputTokens);
    const summary = request.instruction.startsWith("You keep the memory of a talk");
    if (summary) summaries.push(asked);
    const other = await instead?.(summary ? "summary" : "answer");
    if (other) {
      yield other;
      return;
    }
    const facts = new Map(said.flatMap((text) => [...text.matchAll(FACT)]).map(([, name, value]) => [name, value]));
    const wanted = /What is (\w+)\?/.exec(said.at(-1) ?? "")?.[1];
    const kept = [...facts].map(([name, value]) => `FACT ${name} = ${value}`).join("\n") || "Nothing worth keeping.";
    const text = summary ? kept : wanted ? `It is ${facts.get(wanted) ?? "unknown to me"}.` : "I see.";
    yield { type: "text", text };
    yield { type: "finished", reason: "stop", model: "remembering", usage: { inputTokens, outputTokens: 5 } };
  }

  return {
    requests,
    summaries,
    get most() {
      return most;
    },
    stream: (request) => play(request),
    contextTokens: () => known,
  };
}

function answerText({ role, parts }: ModelRequest["messages"][number]): string {
  if (role === "user") return "";
  return parts.map((part) => (part.type === "text" || part.type === "tool_result" ? part.text : "")).join("\n");
}
