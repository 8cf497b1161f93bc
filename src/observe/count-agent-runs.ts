import type { AgentRunner } from "../agent/agent-runner.ts";
import type { RunEvent } from "../agent/run-event.ts";
import type { Metrics } from "./metrics.ts";

const OUTCOMES: { [type in RunEvent["type"]]?: string } = {
  "run.completed": "completed",
  "run.failed": "failed",
  "run.cancelled": "cancelled",
  "run.waiting": "waiting",
};

/** The same runner, whose turns are counted by agent and by how they ended. */
export function countAgentRuns(
  runner: AgentRunner,
  metrics: Pick<Metrics, "agentRequests" | "agentInFlight">,
): AgentRunner {
  return {
    async *run(clone, signal) {
      const agent = clone.card.name;
      let outcome = "left";
      metrics.agentInFlight.inc({ agent });
      try {
        for await (const event of runner.run(clone, signal)) {
          outcome = OUTCOMES[event.type] ?? outcome;
          yield event;
        }
      } finally {
        metrics.agentInFlight.dec({ agent });
        metrics.agentRequests.inc({ agent, outcome });
      }
    },
  };
}
