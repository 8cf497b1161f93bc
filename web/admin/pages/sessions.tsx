import { State } from "../parts/badge.tsx";
import { type Column, DataTable, List, Nothing } from "../parts/data-table.tsx";
import { Filters, SINCE, useAgentChoice } from "../parts/filters.tsx";
import { formatCount, When } from "../parts/format.tsx";
import { usePages, withQuery } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import type { PageProps } from "../dashboard.tsx";

export interface SessionJson {
  session_id: string;
  id: string;
  external_id: string | null;
  user_id: string;
  agent: string;
  platform: string;
  title: string;
  status: string;
  history: string;
  head_seq: number;
  created_at: string;
  updated_at: string;
}

const STATUS = {
  name: "status",
  label: "State",
  options: [
    ["", "Any"],
    ["running", "Running"],
    ["waiting", "Waits for a person"],
    ["idle", "Idle"],
  ],
} as const;
const PLATFORM = {
  name: "platform",
  label: "Platform",
  options: [
    ["", "All"],
    ["telegram", "Telegram"],
    ["slack", "Slack"],
    ["web", "Web"],
    ["api", "API"],
  ],
} as const;

const COLUMNS: Column<SessionJson>[] = [
  {
    name: "Title",
    head: true,
    wide: true,
    cell: (session) => (
      <a href={to(`/sessions/${session.id}`)}>
        <bdi>{session.title || "Untitled"}</bdi>
      </a>
    ),
  },
  { name: "Agent", cell: (session) => session.agent },
  { name: "Platform", cell: (session) => session.platform },
  { name: "Person", cell: (session) => <Who id={session.user_id} href={to(`/people/${session.user_id}`)} /> },
  { name: "State", cell: (session) => <State of={session.status} /> },
  { name: "Messages", end: true, cell: (session) => formatCount(session.head_seq) },
  { name: "Last used", end: true, cell: (session) => <When at={session.updated_at} /> },
];

export function Sessions({ query }: PageProps) {
  const names = ["q", "agent_id", "platform", "status", "since", "user_id"];
  const address = withQuery("/v1/sessions", Object.fromEntries(names.map((name) => [name, query.get(name)])));
  const list = usePages<SessionJson>(address, (answer) => {
    const { sessions, next_cursor: next } = answer as { sessions: SessionJson[]; next_cursor: string | null };
    return { rows: sessions, next };
  });
  const agents = useAgentChoice();
  return (
    <>
      <Filters
        query={query}
        search="Words of a title or message"
        choices={[agents, PLATFORM, STATUS, SINCE]}
        {...(query.has("user_id") ? { words: [["user_id", "Person"]] as const } : {})}
      />
      {query.get("q") && (
        <p class="muted">Words are looked for in the 500 sessions used last, in the newest 100 messages of each.</p>
      )}
      <List
        list={list}
        empty={
          <Nothing query={query} fits="No session fits.">
            Nobody has talked to an agent yet. Write to a bot, or <a href="/">open the chat</a>.
          </Nothing>
        }
      >
        {(rows) => <DataTable caption="Sessions" columns={COLUMNS} rows={rows} keyOf={(session) => session.id} />}
      </List>
    </>
  );
}
