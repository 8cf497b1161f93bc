import { useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { shownName } from "../../kit/shown-name.ts";
import { showToast } from "../../kit/toast.tsx";
import { Badge } from "../parts/badge.tsx";
import { type Column, DataTable, List, Nothing } from "../parts/data-table.tsx";
import { ActDialog } from "../parts/dialog.tsx";
import { type Choice, Filters, SINCE } from "../parts/filters.tsx";
import { isolated, When } from "../parts/format.tsx";
import { useLoad, usePages, withQuery } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { to } from "../parts/route.ts";
import type { PageProps } from "../dashboard.tsx";

export interface UserJson {
  user_id: string;
  kind: "person" | "place";
  name: string;
  blocked: boolean;
  created_at: string;
  identities: {
    platform: string;
    external_id: string;
    name: string;
    approved_at: string | null;
    blocked_at: string | null;
  }[];
}
interface PairingJson {
  code: string;
  platform: string;
  external_id: string;
  name: string;
  created_at: string;
  expires_at: string;
}

const CHOICES: Choice[] = [
  {
    name: "kind",
    label: "Kind",
    options: [
      ["", "All"],
      ["person", "People"],
      ["place", "Group places"],
    ],
  },
  {
    name: "platform",
    label: "Platform",
    options: [
      ["", "All"],
      ["telegram", "Telegram"],
      ["slack", "Slack"],
      ["web", "Web"],
      ["api", "API"],
    ],
  },
  {
    name: "blocked",
    label: "Blocked",
    options: [
      ["", "All"],
      ["true", "Blocked"],
      ["false", "Not blocked"],
    ],
  },
  SINCE,
];
const COLUMNS: Column<UserJson>[] = [
  {
    name: "Name",
    head: true,
    wide: true,
    cell: (user) => (
      <a href={to(`/people/${user.user_id}`)}>
        <bdi>{shownName(user.name) || user.user_id}</bdi>
      </a>
    ),
  },
  { name: "Kind", cell: (user) => user.kind },
  {
    name: "Accounts",
    cell: (user) => user.identities.map(({ platform, external_id: id }) => `${platform} ${id}`).join(", ") || "–",
  },
  {
    name: "State",
    cell: (user) => (user.blocked ? <Badge tone="bad">blocked</Badge> : <Badge tone="quiet">heard</Badge>),
  },
  { name: "Since", end: true, cell: (user) => <When at={user.created_at} /> },
];
const REFRESH_MS = 5_000;

export function People({ query }: PageProps) {
  const names = ["q", "kind", "platform", "blocked", "since"];
  const address = withQuery("/v1/users", Object.fromEntries(names.map((name) => [name, query.get(name)])));
  const list = usePages<UserJson>(address, (answer) => {
    const { users, next_cursor: next } = answer as { users: UserJson[]; next_cursor: string | null };
    return { rows: users, next };
  });
  return (
    <>
      <Requests approved={list.reload} />
      <section aria-labelledby="known">
        <h2 id="known">Known</h2>
        <Filters query={query} search="Part of a name" choices={CHOICES} />
        <List
          list={list}
          empty={
            <Nothing query={query} fits="Nobody fits.">
              Nobody is known yet: people stand here as soon as they are let in.
            </Nothing>
          }
        >
          {(rows) => <DataTable caption="People" columns={COLUMNS} rows={rows} keyOf={(user) => user.user_id} />}
        </List>
      </section>
    </>
  );
}

function Requests({ approved }: { approved: () => void }) {
  const may = useMay();
  const [asked, setAsked] = useState<PairingJson | null>(null);
  const { data, ...rest } = useLoad<{ pairings: PairingJson[] }>("/v1/pairings?limit=100", REFRESH_MS);
  const columns: Column<PairingJson>[] = [
    { name: "Name", head: true, cell: (who) => <bdi>{shownName(who.name) || "Nameless"}</bdi> },
    { name: "Account", cell: (who) => `${who.platform} ${who.external_id}` },
    { name: "Code", cell: (who) => <code>{who.code}</code> },
    { name: "Asked", cell: (who) => <When at={who.created_at} /> },
    { name: "Until", cell: (who) => <When at={who.expires_at} /> },
    {
      name: "",
      end: true,
      cell: (who) =>
        may.act && (
          <button
            type="button"
            class="button small primary"
            aria-label={`Approve ${shownName(who.name) || who.external_id}`}
            onClick={() => setAsked(who)}
          >
            Approve
          </button>
        ),
    },
  ];
  return (
    <section aria-labelledby="requests">
      <h2 id="requests">Pairing requests</h2>
      <List
        list={{ ...rest, rows: data?.pairings ?? null }}
        empty="Nobody asks to be let in. Where ACCESS is pairing, strangers who write to a bot get a code and stand here."
      >
        {(rows) => <DataTable caption="Pairing requests" columns={columns} rows={rows} keyOf={(who) => who.code} />}
      </List>
      {asked && (
        <ActDialog
          title={`Let ${isolated(shownName(asked.name) || asked.external_id)} in?`}
          doIt="Let them in"
          act={() => callApi("POST", `/v1/pairings/${encodeURIComponent(asked.code)}/approve`)}
          done={() => {
            showToast(`${isolated(shownName(asked.name) || asked.external_id)} is let in.`);
            rest.reload();
            approved();
          }}
          close={() => setAsked(null)}
        >
          <p>
            {asked.platform} {asked.external_id} may talk to the agents from then on. Names are what people call
            themselves: be sure that the code came from whom you know.
          </p>
        </ActDialog>
      )}
    </section>
  );
}
