import { Badge, State } from "../parts/badge.tsx";
import { type Column, DataTable, List } from "../parts/data-table.tsx";
import { formatMs, Id, When } from "../parts/format.tsx";
import { useLoad } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Fact } from "./session.tsx";

export interface PlatformJson {
  account: string;
  platform: string;
  state: string;
  holder: string | null;
  heard_at: string | null;
  waiting: number;
  waiting_since: string | null;
  due: number;
  due_since: string | null;
  uncertain: number;
  failed: number;
  answers: number;
  paused_ms: number;
}
interface ReplicaJson {
  replica: string;
  host: string;
  pid: number;
  seen_at: string;
  answers: number;
}

interface PlatformsJson {
  ready: boolean;
  checks: Record<string, string>;
  platforms: PlatformJson[];
  replicas: ReplicaJson[];
}

const REFRESH_MS = 5_000;

const BOTS: Column<PlatformJson>[] = [
  { name: "Bot", head: true, cell: (bot) => bot.account },
  {
    name: "Hears",
    cell: (bot) => (bot.holder === null ? <Badge tone="bad">deaf</Badge> : <State of={bot.state} />),
  },
  { name: "Held by", cell: (bot) => (bot.holder === null ? "nobody" : <Id id={bot.holder} />) },
  { name: "Last update", cell: (bot) => <When at={bot.heard_at} never="quiet for a day" /> },
  {
    name: "Waiting",
    end: true,
    cell: (bot) => (
      <>
        {bot.waiting}
        {bot.waiting_since !== null && (
          <span class="muted">
            {" "}
            since <When at={bot.waiting_since} />
          </span>
        )}
      </>
    ),
  },
  {
    name: "To be shown",
    end: true,
    cell: (bot) => (
      <>
        {bot.due}
        {bot.due_since !== null && (
          <span class="muted">
            {" "}
            since <When at={bot.due_since} />
          </span>
        )}
      </>
    ),
  },
  { name: "Answers now", end: true, cell: (bot) => bot.answers },
  {
    name: "Uncertain, failed",
    end: true,
    cell: (bot) =>
      bot.uncertain + bot.failed === 0 ? "0" : <a href={to("/deliveries")}>{`${bot.uncertain}, ${bot.failed}`}</a>,
  },
  {
    name: "Limits",
    cell: (bot) =>
      bot.paused_ms > 0 ? (
        <Badge tone="warn">asked to wait {formatMs(bot.paused_ms)}</Badge>
      ) : (
        <span class="muted">within limits</span>
      ),
  },
];
const REPLICAS: Column<ReplicaJson>[] = [
  { name: "Replica", head: true, cell: (replica) => <Id id={replica.replica} /> },
  { name: "Host", cell: (replica) => replica.host },
  { name: "Process id", end: true, cell: (replica) => replica.pid },
  { name: "Answers now", end: true, cell: (replica) => replica.answers },
  { name: "Seen", end: true, cell: (replica) => <When at={replica.seen_at} /> },
];

export function Platforms() {
  const loaded = useLoad<PlatformsJson>("/v1/platforms", REFRESH_MS);
  const { data, ...rest } = loaded;
  return (
    <>
      {data && (
        <dl class="facts" aria-label="Health of this replica">
          <Fact name="This replica">
            <Badge tone={data.ready ? "good" : "bad"}>{data.ready ? "ready" : "not ready"}</Badge>
          </Fact>
          {Object.entries(data.checks).map(([name, state]) => (
            <Fact key={name} name={name}>
              <State of={state} />
            </Fact>
          ))}
        </dl>
      )}
      <List
        list={{ ...rest, rows: data?.platforms ?? null }}
        empty="No bot is set up: there are only the API and this page. Set TELEGRAM_BOT_TOKEN or SLACK_BOT_TOKEN and start the gateway again."
      >
        {(rows) => <DataTable caption="Bots" columns={BOTS} rows={rows} keyOf={(bot) => bot.account} />}
      </List>
      <section aria-labelledby="replicas">
        <h2 id="replicas">Replicas</h2>
        <List list={{ ...rest, problem: null, rows: data?.replicas ?? null }} empty="None said anything lately.">
          {(rows) => <DataTable caption="Replicas" columns={REPLICAS} rows={rows} keyOf={(each) => each.replica} />}
        </List>
      </section>
    </>
  );
}
