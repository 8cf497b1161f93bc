import { DataTable, Trouble, Waiting } from "../parts/data-table.tsx";
import { Id, When } from "../parts/format.tsx";
import { useLoad } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Fact } from "./session.tsx";

interface HousekeepingJson {
  holder: string | null;
  held_since: string | null;
  succeeded_at: string | null;
  keep_days: Record<string, number>;
}

const REFRESH_MS = 10_000;

export function Housekeeping() {
  const { data, problem, reload } = useLoad<HousekeepingJson>("/v1/housekeeping", REFRESH_MS);
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Waiting />;
  return (
    <>
      <dl class="facts">
        <Fact name="Keeps house">{data.holder === null ? "nobody" : <Id id={data.holder} />}</Fact>
        <Fact name="Since">
          <When at={data.held_since} />
        </Fact>
        <Fact name="Last looked through">
          <When at={data.succeeded_at} never="never yet" />
        </Fact>
      </dl>
      <p class="muted">
        How long what is kept stands under <code>retention</code> in <code>agents/parley.yaml</code>. To erase or export
        what is of one person, open them under <a href={to("/people")}>People</a>.
      </p>
      <DataTable
        caption="Retention"
        rows={Object.entries(data.keep_days)}
        keyOf={([kind]) => kind}
        columns={[
          { name: "What", head: true, cell: ([kind]) => kind.replaceAll("_", " ") },
          { name: "Kept for", end: true, cell: ([, days]) => (days === 0 ? "ever" : `${days} days`) },
        ]}
      />
    </>
  );
}
