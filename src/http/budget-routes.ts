import { type Static, Type } from "typebox";
import type { Agents } from "../agent/agents.ts";
import { type Budget, BUDGET_SCOPES, percentUsed } from "../agent/budgets.ts";
import { budgetOfScope } from "../run/budgets-of.ts";
import { heldBudgets, listCounters } from "../store/budget-counters.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import type { Api } from "./api.ts";

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 50;

const Scope = Type.Enum([...BUDGET_SCOPES]);
const Limit = Type.Union([Type.Number(), Type.Null()], { description: "null = not limited" });

const BudgetJson = Type.Object({
  scope: Scope,
  id: Type.String({ description: 'The user, place, agent or key; "" = all guests, the gateway' }),
  day: Type.String({ format: "date", description: "In UTC" }),
  tokens: Type.Integer(),
  cost_usd: Type.Number(),
  runs_this_minute: Type.Integer(),
  running: Type.Integer({ description: "Runs under way" }),
  held_tokens: Type.Integer({ description: "What these may still use" }),
  held_usd: Type.Number(),
  percent: Type.Integer({ description: "Of the day's tokens or money, whichever is more" }),
  warned: Type.Boolean(),
  limits: Type.Object({
    tokens_per_day: Limit,
    money_per_day: Limit,
    runs_per_minute: Limit,
    concurrent_runs: Limit,
  }),
});

/** For the operator's eyes: what was counted today for whoever has a budget and has used some of it. */
export function budgetRoutes(app: Api, db: Root, agents: Agents): void {
  app.route({
    method: "GET",
    url: "/v1/budgets",
    config: { scope: "users:read" },
    schema: {
      summary: "List today's budgets: what was used, what is held, what may be used",
      querystring: Type.Object(
        {
          scope: Type.Optional(Scope),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          cursor: Type.Optional(Type.String({ maxLength: 500, description: "next_cursor of the page before" })),
        },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          budgets: Type.Array(BudgetJson),
          next_cursor: Type.Union([Type.String(), Type.Null()], { description: "null = this is the last page" }),
        }),
      },
    },
    handler: async (request) => {
      const { scope = null, limit = DEFAULT_PAGE, cursor = "" } = request.query;
      const after = Buffer.from(cursor, "base64url").toString();
      return withReach(db, { kind: "all" }, async (trx) => {
        const found = await listCounters(trx, { kind: scope, after, limit: limit + 1 });
        const page = found.slice(0, limit);
        const held = await heldBudgets(
          trx,
          page.map((counter) => counter.scope),
        );
        const last = found.length > limit ? page.at(-1) : undefined;
        return {
          budgets: page.map(({ scope: name, micros, minute_runs: runs, ...counter }) => {
            const { kind, of, budget = {} } = budgetOfScope(agents.settings(), name);
            const { runs: running = 0, ...now } = held.find((each) => each.scope === name) ?? { tokens: 0, micros: 0 };
            return {
              ...counter,
              scope: kind,
              id: of,
              cost_usd: micros / 1e6,
              runs_this_minute: runs,
              running,
              held_tokens: now.tokens,
              held_usd: now.micros / 1e6,
              percent: percentUsed({ tokens: counter.tokens, micros }, budget),
              limits: limitsOf(budget),
            };
          }),
          next_cursor: last ? Buffer.from(last.scope).toString("base64url") : null,
        };
      });
    },
  });
}

function limitsOf(budget: Budget): Static<typeof BudgetJson>["limits"] {
  const { tokensPerDay, microsPerDay, runsPerMinute, concurrentRuns } = budget;
  return {
    tokens_per_day: tokensPerDay ?? null,
    money_per_day: microsPerDay === undefined ? null : microsPerDay / 1e6,
    runs_per_minute: runsPerMinute ?? null,
    concurrent_runs: concurrentRuns ?? null,
  };
}
