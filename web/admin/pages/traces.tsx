import { State } from "../parts/badge.tsx";
import { type Column, DataTable, List, Nothing } from "../parts/data-table.tsx";
import { type Choice, Filters, SINCE, useAgentChoice } from "../parts/filters.tsx";
import { formatCompact, formatMs, Id, When } from "../parts/format.tsx";
import { usePages, withQuery } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import type { PageProps } from "../dashboard.tsx";

export interface TraceJson {
  trace_id: string;
  session_id: string | null;
  run_id: string | null;
  agent_id: string | null;
  user_id: string | null;
  platform: string | null;
  started_at: string;
  duration_ms: number | null;
  status: string;
  model: string | null;
  span_count: number;
  tool_calls: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
}

const CHOICES: Choice[] = [
  {
    name: "status",
    label: "Outcome",
    options: [
      ["", "Any"],
      ["running", "Running"],
      ["ok", "OK"],
      ["error", "Error"],
      ["cancelled", "Stopped"],
    ],
  },
  {
    name: "min_duration_ms",
    label: "At least",
    options: [
      ["", "Any time"],
      ["1000", "1 s"],
      ["5000", "5 s"],
      ["30000", "30 s"],
      ["120000", "2 min"],
    ],
  },
  {
    name: "has_feedback",
    label: "Feedback",
    options: [
      ["", "All"],
      ["true", "With"],
      ["false", "Without"],
    ],
  },
  SINCE,
];

const COLUMNS: Column<TraceJson>[] = [
  { name: "Trace", head: true, cell: (trace) => <Id id={trace.trace_id} href={to(`/traces/${trace.trace_id}`)} /> },
  { name: "Agent", cell: (trace) => trace.agent_id ?? "–" },
  { name: "Outcome", cell: (trace) => <State of={trace.status} /> },
  { name: "Model", cell: (trace) => trace.model ?? "–" },
  {
    name: "Session",
    cell: (trace) =>
      trace.session_id === null ? "–" : <Id id={trace.session_id} href={to(`/sessions/${trace.session_id}`)} />,
  },
  { name: "Tool calls", end: true, cell: (trace) => trace.tool_calls },
  {
    name: "Tokens",
    end: true,
    cell: (trace) => formatCompact((trace.prompt_tokens ?? 0) + (trace.completion_tokens ?? 0)),
  },
  { name: "Took", end: true, cell: (trace) => formatMs(trace.duration_ms) },
  { name: "Began", end: true, cell: (trace) => <When at={trace.started_at} /> },
];

export function Traces({ query }: PageProps) {
  const names = ["agent_id", "status", "min_duration_ms", "has_feedback", "since", "session_id", "user_id", "model"];
  const address = withQuery("/v1/traces", Object.fromEntries(names.map((name) => [name, query.get(name)])));
  const list = usePages<TraceJson>(address, (answer, headers) => {
    return { rows: answer as TraceJson[], next: headers.get("x-next-cursor") };
  });
  const agents = useAgentChoice();
  return (
    <>
      <Filters query={query} choices={[agents, ...CHOICES]} />
      <List
        list={list}
        empty={
          <Nothing query={query} fits="No trace fits.">
            No agent has answered yet. Each answer leaves its trace here, step by step.
          </Nothing>
        }
      >
        {(rows) => <DataTable caption="Traces" columns={COLUMNS} rows={rows} keyOf={(trace) => trace.trace_id} />}
      </List>
    </>
  );
}
