import { Type } from "typebox";
import type { Agents } from "../agent/agents.ts";
import { RETENTION_DAYS } from "../agent/retention.ts";
import { housekeepingState } from "../store/housekeeping-lease.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import type { Api } from "./api.ts";

const MaybeTime = Type.Union([Type.String({ format: "date-time" }), Type.Null()]);

/** Who keeps house for all replicas. */
export function housekeepingRoutes(app: Api, db: Root, agents: Agents): void {
  app.route({
    method: "GET",
    url: "/v1/housekeeping",
    config: { scope: "metrics:read" },
    schema: {
      summary: "Read which replica keeps house, and when everything was last looked through",
      response: {
        200: Type.Object({
          holder: Type.Union([Type.String(), Type.Null()], { description: "null = nobody just now" }),
          held_since: MaybeTime,
          succeeded_at: MaybeTime,
          keep_days: Type.Record(Type.String(), Type.Integer(), { description: "Of what how long; 0 = for ever" }),
        }),
      },
    },
    handler: async () => {
      const state = await withReach(db, { kind: "all" }, housekeepingState);
      const { holder, heldSince, succeededAt } = state;
      return {
        holder,
        held_since: heldSince?.toISOString() ?? null,
        succeeded_at: succeededAt?.toISOString() ?? null,
        keep_days: { ...(agents.settings().retention ?? RETENTION_DAYS) },
      };
    },
  });
}
