import { Type } from "typebox";
import { readId } from "../ids.ts";
import type { UsageRow } from "../store/usage.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import type { Api } from "./api.ts";
import { callerOf, SessionParams } from "./session-routes.ts";

const TokensJson = {
  input_tokens: Type.Integer(),
  cached_tokens: Type.Integer({ description: "Of the input." }),
  output_tokens: Type.Integer(),
  reasoning_tokens: Type.Integer({ description: "Of the output." }),
  cost_usd: Type.Union([Type.Number(), Type.Null()], { description: "null = a price is not known" }),
};

const PricingJson = Type.Object({
  input_per_1k: Type.Number(),
  output_per_1k: Type.Number(),
  cached_input_per_1k: Type.Number(),
  per_request: Type.Number(),
});

const UsageJson = Type.Object({
  session_id: Type.String(),
  ...TokensJson,
  model: Type.Union([Type.String(), Type.Null()], { description: "The one that was used most" }),
  turn_count: Type.Integer({ description: "Runs that have used something" }),
  pricing: Type.Union([PricingJson, Type.Null()], { description: "Of that model, in dollars; null = not known" }),
  by_model: Type.Array(Type.Object({ agent: Type.String(), model: Type.String(), ...TokensJson })),
});

/** What runs have used, those of called agents included. A run counts when it has ended. */
export function usageRoutes(app: Api, service: AgentService, sessions: Sessions): void {
  app.route({
    method: "GET",
    url: "/v1/sessions/:id/usage",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read what a session, or one run of it, has used of which model",
      params: SessionParams,
      querystring: Type.Object(
        { run_id: Type.Optional(Type.String({ maxLength: 100 })) },
        { additionalProperties: false },
      ),
      response: { 200: UsageJson },
    },
    handler: async (request) => {
      const { id } = request.params;
      const caller = callerOf(request);
      const session = await sessions.find(caller, id);
      const { run_id: run } = request.query;
      const rows = await service.readUsage(session.user_id, session.id, run);
      const model = rows[0]?.model ?? null;
      const price = model === null ? null : service.priceOf(model);
      return {
        ...toUsageJson(id, rows),
        model,
        turn_count: await sessions.turns(caller, session, readId("run", run)),
        pricing: price && {
          input_per_1k: price.input / 1_000,
          output_per_1k: price.output / 1_000,
          cached_input_per_1k: price.cached / 1_000,
          per_request: 0,
        },
      };
    },
  });
}

function toUsageJson(session: string, rows: UsageRow[]) {
  const sum = (pick: (row: UsageRow) => number) => rows.reduce((total, row) => total + pick(row), 0);
  const whole = {
    input: sum((row) => row.input),
    cached: sum((row) => row.cached),
    output: sum((row) => row.output),
    reasoning: sum((row) => row.reasoning),
    micros: rows.some(({ micros }) => micros === null) ? null : sum((row) => row.micros ?? 0),
  };
  return {
    session_id: session,
    ...tokensOf(whole),
    by_model: rows.map((row) => ({ agent: row.agent, model: row.model, ...tokensOf(row) })),
  };
}

function tokensOf({ input, cached, output, reasoning, micros }: Omit<UsageRow, "agent" | "model">) {
  return {
    input_tokens: input,
    cached_tokens: cached,
    output_tokens: output,
    reasoning_tokens: reasoning,
    cost_usd: micros === null ? null : micros / 1e6,
  };
}
