import { type Static, Type } from "typebox";
import type { AgentCard } from "../agent/agent-card.ts";
import { cardVersion } from "../agent/card-version.ts";
import type { AgentHealth } from "../agent/outside-runner.ts";
import type { AgentActivity } from "../store/agent-records.ts";

const MaybeText = Type.Union([Type.String(), Type.Null()]);
const Count = Type.Integer();

export const AgentJson = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal("native"), Type.Literal("remote"), Type.Literal("module")]),
  description: Type.String(),
  enabled: Type.Boolean({ description: "false = an operator has switched it off: it takes no turns" }),
  registered: Type.Boolean({ description: "Over the API; the others stand in files" }),
  model: MaybeText,
  version: Type.String({ description: "Of its card: another one whenever that is changed" }),
  operations: Type.Union(
    [
      Type.Object({
        url: Type.Union([Type.String(), Type.Null()], { description: "Of a remote agent" }),
        resting: Type.Boolean({ description: "It failed several times and is not asked for a while, by this replica" }),
        rests_for_ms: Count,
        in_flight: Type.Integer({ description: "Runs under way, on all replicas" }),
        waiting: Type.Integer({ description: "Runs that wait for their turn, on this replica" }),
        completed: Count,
        failed: Count,
        cancelled: Count,
        last_error: Type.Union([Type.Object({ code: Type.String(), at: Type.String() }), Type.Null()]),
      }),
      Type.Null(),
    ],
    { description: "For operators: how it does, and its runs of the last day" },
  ),
});

/** `operations` null = whoever asks is no operator. */
export function toAgentJson(
  { card, registered }: { card: AgentCard; registered: boolean },
  operations: { health: AgentHealth | null; activity: AgentActivity | undefined } | null,
): Static<typeof AgentJson> {
  const { outside } = card;
  const lastError = operations?.activity?.lastError ?? null;
  const remote = outside && "remote" in outside ? outside.remote : null;
  return {
    name: card.name,
    kind: remote ? "remote" : outside ? "module" : "native",
    description: card.description,
    enabled: !card.off,
    registered,
    model: remote?.model ?? card.model,
    version: cardVersion(card),
    operations: operations && {
      url: remote?.url ?? null,
      resting: (operations.health?.restsForMs ?? 0) > 0,
      rests_for_ms: operations.health?.restsForMs ?? 0,
      in_flight: operations.activity?.running ?? 0,
      waiting: operations.health?.waiting ?? 0,
      completed: operations.activity?.completed ?? 0,
      failed: operations.activity?.failed ?? 0,
      cancelled: operations.activity?.cancelled ?? 0,
      last_error: lastError && { ...lastError, at: new Date(lastError.at).toISOString() },
    },
  };
}
