import { type Column, DataTable, List, Nothing } from "../parts/data-table.tsx";
import { Filters, SINCE } from "../parts/filters.tsx";
import { Stamp } from "../parts/format.tsx";
import { usePages, withQuery } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import type { PageProps } from "../dashboard.tsx";

interface EntryJson {
  id: string;
  at: string;
  actor: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
}

const COLUMNS: Column<EntryJson>[] = [
  { name: "When", head: true, cell: (entry) => <Stamp at={entry.at} /> },
  { name: "Who", cell: (entry) => <Who id={entry.actor} href={to("/audit", { actor: entry.actor })} /> },
  { name: "Did", cell: (entry) => <a href={to("/audit", { action: entry.action })}>{entry.action}</a> },
  { name: "To", cell: (entry) => <Who id={entry.target} href={to("/audit", { target: entry.target })} /> },
  {
    name: "Detail",
    wide: true,
    cell: ({ detail }) => (
      <span class="muted">
        {Object.entries(detail)
          .filter(([, value]) => value !== null)
          .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(" ") : String(value)}`)
          .join(", ")}
      </span>
    ),
  },
];

export function Audit({ query }: PageProps) {
  const names = ["actor", "action", "target", "since"];
  const address = withQuery("/v1/audit", Object.fromEntries(names.map((name) => [name, query.get(name)])));
  const list = usePages<EntryJson>(address, (answer) => {
    const { entries, next_cursor: next } = answer as { entries: EntryJson[]; next_cursor: string | null };
    return { rows: entries, next };
  });
  const words = [
    ["actor", "Who"],
    ["action", "Action"],
    ["target", "Target"],
  ] as const;
  return (
    <>
      <Filters query={query} words={words} choices={[SINCE]} />
      <List
        list={list}
        empty={
          <Nothing query={query} fits="No entry fits.">
            No operator has changed anything yet. Whatever operators do is written down here.
          </Nothing>
        }
      >
        {(rows) => <DataTable caption="Audit log" columns={COLUMNS} rows={rows} keyOf={(entry) => entry.id} />}
      </List>
    </>
  );
}
