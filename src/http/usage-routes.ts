import { type Static, Type } from "typebox";
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

const UsageJson = Type.Object({
  session_id: Type.String(),
  ...TokensJson,
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
      const session = await sessions.find(callerOf(request), id);
      return toUsageJson(id, await service.readUsage(session.user_id, session.id, request.query.run_id));
    },
  });
}

function toUsageJson(session: string, rows: UsageRow[]): Static<typeof UsageJson> {
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
