import type { AgentCard } from "./agent-card.ts";
import type { Clone, Joining } from "./agent-runner.ts";
import type { Message } from "./message.ts";
import type { ModelClient, SentImages } from "./model-client.ts";
import { renderInstruction } from "./render-instruction.ts";
import { repairHistory } from "./repair-history.ts";
import { TokenGauge } from "./token-gauge.ts";
import type { ApprovalDecision } from "./run-event.ts";
import type { ToolSource } from "./tool-source.ts";
import type { Traceparent } from "./traceparent.ts";

export interface CloneParts {
  card: AgentCard;
  /** Left out: English. */
  language?: string;
  /** What is known of the talk, oldest first, as it was merged; may begin inside a turn. */
  history: readonly Message[];
  /** Left out: of a model of the usual size, of which nothing was learned. */
  gauge?: TokenGauge;
  /** Left out: the history cannot be summed up. */
  compact?: Clone["compact"];
  /** Left out: false. */
  mustCompact?: boolean;
  turn: readonly Message[];
  /** Of earlier attempts; left out in the first one. */
  kept?: readonly Message[];
  inFlight?: ReadonlySet<string>;
  /** Left out: none. */
  decisions?: ReadonlyMap<string, ApprovalDecision>;
  /** Left out: none. */
  images?: SentImages;
  model: ModelClient;
  tools: ToolSource;
  /** Left out: the run is a talk of its own. */
  session?: string;
  /** Left out: nobody traces it. */
  traceparent?: Traceparent;
  /** Left out: nothing ever joins the turn. */
  steer?: () => Promise<Joining[]>;
  /** Left out: never. */
  usedUp?: () => boolean;
  /** The date as the instruction shall show it, for example `2026-11-21`. */
  today: string;
}

/** Spawns the fresh instance for one run. Its card is a frozen copy: a reload meanwhile does not reach this run. */
export function makeClone(parts: CloneParts): Clone {
  const { card, compact } = parts;
  return {
    card: snapshot({ ...card, instruction: renderInstruction(card, parts.today) }),
    language: parts.language ?? "",
    history: card.useHistory ? repairHistory(parts.history) : [],
    gauge: parts.gauge ?? new TokenGauge(),
    ...(compact && card.useHistory ? { compact } : {}),
    mustCompact: parts.mustCompact ?? false,
    turn: parts.turn,
    kept: parts.kept ?? [],
    inFlight: parts.inFlight ?? new Set(),
    decisions: parts.decisions ?? new Map(),
    images: parts.images ?? new Map(),
    model: parts.model,
    tools: parts.tools,
    ...(parts.session !== undefined && { session: parts.session }),
    ...(parts.traceparent && { traceparent: parts.traceparent }),
    steer: parts.steer ?? (() => Promise.resolve([])),
    usedUp: parts.usedUp ?? (() => false),
  };
}

function snapshot(card: AgentCard): AgentCard {
  // What can be called is no data; a clone's tools are given to it apart.
  const { functions, outside, ...data } = card;
  const copy: AgentCard = { ...structuredClone(data), ...(functions && { functions }), ...(outside && { outside }) };
  Object.freeze(copy.sampling.stopSequences);
  Object.freeze(copy.sampling);
  return Object.freeze(copy);
}
