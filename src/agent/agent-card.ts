import type { Message } from "./message.ts";
import type { Sampling } from "./model-client.ts";
import type { OutsideAgent } from "./outside-agent.ts";
import type { ModelChoice } from "./read-model.ts";
import type { CardServer } from "./read-connections.ts";
import type { ToolSchema, ToolSource } from "./tool-source.ts";

/** An agent's file, checked. See agent/read-card.ts for the format. */
export interface AgentCard {
  name: string;
  /** Its name in the folder of cards; left out: it comes from no file. */
  file?: string;
  /** Another one for each text of the card and what it includes; left out: it comes from no file. */
  version?: string;
  description: string;
  instruction: string;
  /** As `provider.model`, or without a provider; null = the gateway's default model. */
  model: string | null;
  /** Asked while that one cannot be, as parley.yaml says; left out: none is. */
  fallback?: ModelChoice;
  default: boolean;
  /** Said before every talk, and never cut; left out: nothing. */
  seed?: readonly Message[];
  /** True: an agent for other agents, whom people cannot choose. */
  toolOnly?: boolean;
  /** Its own functions, as tools; left out: it has none. */
  functions?: ToolSource;
  /** Servers whose tools it may call, by the operator's names; left out: none. */
  servers?: readonly string[];
  /** Servers of its own; left out: none. */
  connects?: readonly CardServer[];
  /** Of a server named here, only the tools that fit one of its globs. */
  toolFilters?: Readonly<Record<string, readonly string[]>>;
  /** An operator has switched it off: it takes no turns. Left out: it does. */
  off?: true;
  useHistory: boolean;
  sampling: Sampling;
  /** Model steps of one run. */
  maxSteps: number;
  /** Values of the instruction's own placeholders; left out: there are none. */
  templateVars?: Readonly<Record<string, string>>;
  /** Idle time of the model's stream, in ms; null = the gateway's default. */
  idleMs: number | null;
  /** The agents that are its tools; left out: there are none. */
  children?: Children;
  /** Who runs it instead of the gateway's own loop; left out: nobody. */
  outside?: OutsideAgent;
  /** Of its arguments, where it is a tool of another agent; left out: one message. */
  inputSchema?: ToolSchema;
}

/** How an agent works with others, each of which is a tool `agent__name` of it. */
export interface Children {
  /** Names of cards, each once. */
  agents: readonly string[];
  /** What one knows besides its arguments: nothing, its own card's messages, or what its parent knows. */
  historySource: "none" | "messages" | "orchestrator";
  /** `orchestrator`: its parent reads all it said and did, not its answer alone. */
  mergeTarget: "none" | "orchestrator";
  /** At once; null = as many as a step runs tools. */
  maxParallel: number | null;
  /** Of one call; null = the gateway's default. */
  timeoutMs: number | null;
  /** Lines that the chat shows of tools at work; null = the gateway's default. */
  maxLines: number | null;
}
