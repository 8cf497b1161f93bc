import { Badge } from "../parts/badge.tsx";
import { type Column, DataTable, List, Nothing } from "../parts/data-table.tsx";
import { Filters } from "../parts/filters.tsx";
import { formatCompact, formatUsd } from "../parts/format.tsx";
import { usePages, withQuery } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import type { PageProps } from "../dashboard.tsx";

interface BudgetJson {
  scope: string;
  id: string;
  day: string;
  tokens: number;
  cost_usd: number;
  runs_this_minute: number;
  running: number;
  percent: number;
  limits: {
    tokens_per_day: number | null;
    money_per_day: number | null;
    runs_per_minute: number | null;
    concurrent_runs: number | null;
  };
}

const SCOPE = {
  name: "scope",
  label: "Whose",
  options: [
    ["", "All"],
    ["person", "People"],
    ["guests", "All guests"],
    ["place", "Places"],
    ["agent", "Agents"],
    ["key", "Keys"],
    ["gateway", "The gateway"],
  ],
} as const;

const of = (limit: number | null, format: (value: number) => string) => (limit === null ? "" : ` of ${format(limit)}`);

const COLUMNS: Column<BudgetJson>[] = [
  {
    name: "Whose",
    head: true,
    cell: ({ scope, id }) => (
      <>
        {scope}{" "}
        {id !== "" && <Who id={id} href={scope === "person" || scope === "place" ? to(`/people/${id}`) : undefined} />}
      </>
    ),
  },
  {
    name: "Used today",
    cell: ({ percent, limits }) =>
      limits.tokens_per_day === null && limits.money_per_day === null ? (
        <span class="muted">no limit per day</span>
      ) : (
        <span class="meter">
          <progress max={100} value={Math.min(100, percent)} aria-label="Used today" />
          <Badge tone={percent >= 100 ? "bad" : percent >= 80 ? "warn" : "quiet"}>{percent} %</Badge>
        </span>
      ),
  },
  {
    name: "Tokens",
    end: true,
    cell: ({ tokens, limits }) => formatCompact(tokens) + of(limits.tokens_per_day, formatCompact),
  },
  {
    name: "Cost (estimated)",
    end: true,
    cell: ({ cost_usd: cost, limits }) => formatUsd(cost) + of(limits.money_per_day, formatUsd),
  },
  {
    name: "Runs this minute",
    end: true,
    cell: ({ runs_this_minute: runs, limits }) => runs + of(limits.runs_per_minute, String),
  },
  { name: "Running", end: true, cell: ({ running, limits }) => running + of(limits.concurrent_runs, String) },
];

export function Budgets({ query }: PageProps) {
  const list = usePages<BudgetJson>(withQuery("/v1/budgets", { scope: query.get("scope") }), (answer) => {
    const { budgets, next_cursor: next } = answer as { budgets: BudgetJson[]; next_cursor: string | null };
    return { rows: budgets, next };
  });
  return (
    <>
      <p class="muted about">
        Limits are set under <code>budgets</code> in <code>agents/parley.yaml</code>. Days begin at midnight UTC. Cost
        is estimated by the models’ prices.
      </p>
      <Filters query={query} choices={[SCOPE]} />
      <List
        list={list}
        empty={
          <Nothing query={query} fits="No budget fits.">
            Nobody with a budget has used any of it today.
          </Nothing>
        }
      >
        {(rows) => (
          <DataTable caption="Budgets" columns={COLUMNS} rows={rows} keyOf={(row) => `${row.scope} ${row.id}`} />
        )}
      </List>
    </>
  );
}
