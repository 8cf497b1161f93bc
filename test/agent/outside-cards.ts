import type { AgentCard } from "../../src/agent/agent-card.ts";
import type { Clone } from "../../src/agent/agent-runner.ts";
import { createNativeRunner } from "../../src/agent/loop.ts";
import { createModuleRunner } from "../../src/agent/module-runner.ts";
import type { AgentModule, OutsideLimits, RemoteAgent, RemoteAgents } from "../../src/agent/outside-agent.ts";
import { createAgentRunner } from "../../src/agent/outside-runner.ts";
import { createRemoteRunner } from "../../src/agent/remote-runner.ts";
import type { Clock } from "../../src/agent/clock.ts";
import { systemClock } from "../../src/agent/clock.ts";
import type { CloneParts } from "../../src/agent/clone.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { card, cloneOf } from "./run-it.ts";

const LIMITS: OutsideLimits = { firstMs: 10_000, idleMs: 10_000, totalMs: 60_000, running: 8, waiting: 8 };

const REMOTE: RemoteAgent = {
  url: "http://127.0.0.1:9/v1",
  key: "",
  model: "afar",
  headers: {},
  history: "gateway",
  session: { field: "session_id" },
  images: false,
};

type Parts = Partial<Omit<CloneParts, "card">>;

export function remoteCard(remote: Partial<RemoteAgent>, limits: Partial<OutsideLimits> = {}): AgentCard {
  const outside = { remote: { ...REMOTE, ...remote }, limits: { ...LIMITS, ...limits } };
  return { ...card, name: "afar", instruction: "", maxSteps: 1, outside };
}

export function moduleCard(module: AgentModule, limits: Partial<OutsideLimits> = {}): AgentCard {
  const outside = { module, limits: { ...LIMITS, ...limits } };
  return { ...card, name: "coder", instruction: "", outside };
}

/** The gateway's own model is never asked by an agent that runs elsewhere. */
export function outsideClone(of: AgentCard, parts: Parts = {}): Clone {
  return cloneOf({ model: scriptedModel(), ...parts, card: of });
}

type OnRest = (agent: string, resting: boolean) => void;
const NOWHERE: RemoteAgents = { model: () => scriptedModel() };

/** As main puts it together. */
export function everyRunner(options: { remotes?: RemoteAgents; clock?: Clock; onRest?: OnRest } = {}) {
  const { remotes = NOWHERE, clock = systemClock, onRest } = options;
  const native = createNativeRunner({ clock, random: () => 0.5 });
  return createAgentRunner({
    native,
    remote: createRemoteRunner(native, remotes),
    module: createModuleRunner(clock),
    clock,
    random: () => 0.5,
    ...(onRest && { onRest }),
  });
}
