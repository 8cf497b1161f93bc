import { DataTable, Trouble, Waiting } from "../parts/data-table.tsx";
import { formatDays, Id, When } from "../parts/format.tsx";
import { useLoad } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Fact } from "./session.tsx";

interface HousekeepingJson {
  holder: string | null;
  held_since: string | null;
  succeeded_at: string | null;
  keep_days: Record<string, number>;
}

/** What each kind is, for who does not know the tables. */
const KINDS: Record<string, string> = {
  messages: "Talks: messages and runs, turn by turn",
  memories: "What agents remember of people",
  files: "Files that were sent",
  run_events: "Events of answers, for readers who come back",
  inbox: "Updates of the platforms",
  outbox: "Posts that are done",
  approvals: "Calls that people approved or denied",
  usage: "Tokens and cost",
  traces: "Traces",
  feedback: "Feedback",
  audit: "The audit log",
};
const REFRESH_MS = 10_000;

export function Housekeeping() {
  const { data, problem, reload } = useLoad<HousekeepingJson>("/v1/housekeeping", REFRESH_MS);
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Waiting />;
  return (
    <>
      <dl class="facts">
        <Fact name="Replica that deletes">{data.holder === null ? "none just now" : <Id id={data.holder} />}</Fact>
        <Fact name="Since">
          <When at={data.held_since} />
        </Fact>
        <Fact name="Last looked through">
          <When at={data.succeeded_at} never="never yet" />
        </Fact>
      </dl>
      <p class="muted about">
        How long each is kept is set under <code>retention</code> in <code>agents/parley.yaml</code>. To erase or export
        what one person has here, open them under <a href={to("/people")}>People</a>.
      </p>
      <DataTable
        caption="Retention"
        rows={Object.entries(data.keep_days)}
        keyOf={([kind]) => kind}
        columns={[
          { name: "What", head: true, cell: ([kind]) => KINDS[kind] ?? kind },
          { name: "Setting", cell: ([kind]) => <code>{kind}</code> },
          { name: "Kept for", end: true, cell: ([, days]) => (days === 0 ? "until it is deleted" : formatDays(days)) },
        ]}
      />
    </>
  );
}
