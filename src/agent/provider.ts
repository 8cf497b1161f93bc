/** A server of models, as the operator has set it up. Its key and headers are secrets: nothing but its name is ever told. */
export interface Provider {
  readonly name: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** "" = it needs none. */
  readonly apiKey: string;
  /** Sent with every request; they go before the gateway's own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly quirks: Quirks;
  /** What is known of its models; others may be asked for as well. */
  readonly models: ReadonlyMap<string, ModelFacts>;
  /** Requests at once, of this replica; null = as many as come. */
  readonly concurrency: number | null;
}

/** How a server departs from OpenAI's API in what it takes. What it answers is read the same way from all. */
export interface Quirks {
  /** The name of the limit of an answer. */
  readonly limitField: "max_tokens" | "max_completion_tokens";
  /** Whether it may be asked to count tokens (`stream_options`); some refuse the whole request. */
  readonly streamUsage: boolean;
  /** Whether it takes `top_k`, `min_p` and `repetition_penalty`. */
  readonly moreSampling: boolean;
  /** Whether it takes `parallel_tool_calls`. */
  readonly parallelToolCalls: boolean;
  /** How it is told for how long to think: `reasoning_effort`, `reasoning: { effort }`, or not at all. */
  readonly reasoning: "effort" | "object" | "none";
  /** Whether it is told the span that asks (`traceparent`): a server of one's own, and no third party. */
  readonly traceContext: boolean;
}

export interface ModelFacts {
  /** What one request may hold, its answer included. */
  readonly contextTokens?: number;
  /** The longest answer. */
  readonly maxOutput?: number;
}

/** The name of the provider that the `OPENAI_*` settings make, and that a model without a provider's name is asked of. */
export const OWN_PROVIDER = "openai";
