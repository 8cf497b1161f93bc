import type { Clone } from "./agent-runner.ts";
import type { ModelClient } from "./model-client.ts";
import type { RunEvent } from "./run-event.ts";

/** An agent that the gateway's own loop does not run: another server's, or the operator's code. Frozen. */
export type OutsideAgent = { readonly limits: OutsideLimits } & (
  | { readonly remote: RemoteAgent }
  | { readonly module: AgentModule }
);

/** Behind an OpenAI-compatible `/v1/chat/completions`, such as BaseAgent's. */
export interface RemoteAgent {
  /** Up to and without `/chat/completions`. */
  readonly url: string;
  /** "" = its server needs none. */
  readonly key: string;
  readonly model: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Who keeps what was said. One of the two: with both, the agent would read everything twice. */
  readonly history: "gateway" | "agent";
  /** Where it reads the talk's id, if it keeps the history: a field of the body, or a header. */
  readonly session: { readonly field: string } | { readonly header: string };
  /** Whether it is shown pictures, or told of them. */
  readonly images: boolean;
}

/**
 * An export of a module that answers for an agent: text piece by piece, or the events of a run. Of these the ends of
 * tools and messages may be left out; whatever else its run needs is done around it (see module-runner.ts).
 */
export type AgentModule = (clone: Clone, signal: AbortSignal) => AsyncIterable<string | RunEvent>;

export interface OutsideLimits {
  /** From the request to the first sign of an answer, between two signs, and in all with the wait for a turn; in ms. */
  readonly firstMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  /** Runs of one replica at once, and how many may wait for their turn. */
  readonly running: number;
  readonly waiting: number;
}

/** The way to remote agents. */
export interface RemoteAgents {
  /** A client that asks the agent within the talk of this id. Opens nothing by itself. */
  model(remote: RemoteAgent, session: string): ModelClient;
}
