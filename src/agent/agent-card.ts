import type { Message } from "./message.ts";
import type { Sampling } from "./model-client.ts";

/** An agent's file, checked. See agent/read-card.ts for the format. */
export interface AgentCard {
  name: string;
  /** Its name in the folder of cards; left out: it comes from no file. */
  file?: string;
  description: string;
  instruction: string;
  /** Without its provider; null = the gateway's default model. */
  model: string | null;
  default: boolean;
  /** Said before every talk, and never cut; left out: nothing. */
  seed?: readonly Message[];
  /** True: an agent for other agents, whom people cannot choose. */
  toolOnly?: boolean;
  useHistory: boolean;
  sampling: Sampling;
  /** Model steps of one run. */
  maxSteps: number;
  /** Values of the instruction's own placeholders; left out: there are none. */
  templateVars?: Readonly<Record<string, string>>;
  /** Idle time of the model's stream, in ms; null = the gateway's default. */
  idleMs: number | null;
}
