import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { showToast } from "../../kit/toast.tsx";
import { State } from "../parts/badge.tsx";
import { type Column, DataTable, List, Nothing } from "../parts/data-table.tsx";
import { ActDialog } from "../parts/dialog.tsx";
import { Filters, SINCE, useAgentChoice } from "../parts/filters.tsx";
import { formatMs, Id, When } from "../parts/format.tsx";
import { type Loaded, useLoad, usePages, withQuery } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import type { PageProps } from "../dashboard.tsx";

export interface RunJson {
  run_id: string;
  session_id: string;
  user_id: string;
  agent: string;
  trace_id: string;
  status: string;
  attempt: number;
  end_reason: string | null;
  error_code: string | null;
  queued_at: string;
  started_at: string;
  ended_at: string | null;
}
interface RunsJson {
  runs: RunJson[];
  next_cursor: string | null;
}

const LIVE_MS = 2_000;
/** Of the API. */
const PAGE = 50;
const STATUS = {
  name: "status",
  label: "Ended as",
  options: [
    ["", "Whatever"],
    ["completed", "Completed"],
    ["failed", "Failed"],
    ["cancelled", "Stopped"],
  ],
} as const;

export function Runs({ query }: PageProps) {
  const running = useLoad<RunsJson>("/v1/runs?status=running&limit=100", LIVE_MS);
  const waiting = useLoad<RunsJson>("/v1/runs?status=waiting&limit=100", LIVE_MS);
  const address = withQuery("/v1/runs", {
    status: query.get("status"),
    agent_id: query.get("agent_id"),
    since: query.get("since"),
  });
  const recent = usePages<RunJson>(address, (answer) => {
    const { runs, next_cursor: next } = answer as RunsJson;
    return { rows: runs.filter(({ ended_at: end }) => end !== null), next };
  });
  const agents = useAgentChoice();
  const live = joined(running, waiting);
  const living = live.rows?.map((run) => run.run_id).join(" ");
  // Whatever has ended stands among the recent ones; who reads older pages is left in peace.
  useEffect(() => {
    if (recent.rows && recent.rows.length <= PAGE) recent.reload();
  }, [living]);
  return (
    <>
      <section aria-labelledby="live">
        <h2 id="live">Live</h2>
        <RunList list={live} name="Live runs" empty="No answer is being written just now." live />
      </section>
      <section aria-labelledby="recent">
        <h2 id="recent">Recent</h2>
        <Filters query={query} choices={[STATUS, agents, SINCE]} />
        <RunList
          list={recent}
          name="Recent runs"
          empty={
            <Nothing query={query} fits="No run fits.">
              No agent has answered yet. Answers that have ended stand here.
            </Nothing>
          }
        />
      </section>
    </>
  );
}

function joined(one: Loaded<RunsJson>, other: Loaded<RunsJson>) {
  const rows = one.data && other.data ? [...one.data.runs, ...other.data.runs] : null;
  const reload = () => {
    one.reload();
    other.reload();
  };
  return { rows, problem: one.problem ?? other.problem, loading: one.loading || other.loading, reload };
}

export function RunList(props: {
  list: Parameters<typeof List<RunJson>>[0]["list"];
  name: string;
  empty: ComponentChildren;
  live?: boolean;
  /** They are all of one session. */
  ofSession?: boolean;
}) {
  const { list, name, empty, live = false, ofSession = false } = props;
  const may = useMay();
  const [stopping, setStopping] = useState<RunJson | null>(null);
  const columns: Column<RunJson>[] = [
    { name: "Run", head: true, cell: (run) => <Id id={run.run_id} href={to(`/traces/${run.trace_id}`)} /> },
    ...(ofSession
      ? []
      : [
          {
            name: "Session",
            cell: (run: RunJson) => <Id id={run.session_id} href={to(`/sessions/${run.session_id}`)} />,
          },
          { name: "Person", cell: (run: RunJson) => <Who id={run.user_id} href={to(`/people/${run.user_id}`)} /> },
        ]),
    { name: "Agent", cell: (run) => run.agent },
    {
      name: "State",
      cell: (run) => (
        <>
          <State of={run.status} /> {run.error_code !== null && <code>{run.error_code}</code>}
          {run.attempt > 1 && <span class="muted"> attempt {run.attempt}</span>}
        </>
      ),
    },
    { name: "Began", cell: (run) => <When at={run.started_at} /> },
    live
      ? {
          name: "",
          end: true,
          cell: (run) =>
            may.act && (
              <button
                type="button"
                class="button small danger"
                aria-label={`Stop run ${run.run_id}`}
                onClick={() => setStopping(run)}
              >
                Stop
              </button>
            ),
        }
      : { name: "Took", end: true, cell: (run) => formatMs(lasted(run)) },
  ];
  return (
    <>
      <List list={list} empty={empty}>
        {(rows) => <DataTable caption={name} columns={columns} rows={rows} keyOf={(run) => run.run_id} />}
      </List>
      {stopping && (
        <ActDialog
          title="Stop this run?"
          doIt="Stop it"
          danger
          act={() => callApi("POST", `/v1/sessions/${stopping.session_id}/runs/${stopping.run_id}/cancel`)}
          done={() => {
            showToast("The run ends.");
            list.reload();
          }}
          close={() => setStopping(null)}
        >
          <p>{stopping.agent} ends its answer. What it has said is kept, and the person sees that it was stopped.</p>
        </ActDialog>
      )}
    </>
  );
}

function lasted({ started_at: from, ended_at: until }: RunJson): number | null {
  return until === null ? null : Date.parse(until) - Date.parse(from);
}
