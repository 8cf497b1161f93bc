import { useEffect, useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { shownName } from "../../kit/shown-name.ts";
import { showToast } from "../../kit/toast.tsx";
import { Badge } from "../parts/badge.tsx";
import { DataTable, Trouble, Waiting } from "../parts/data-table.tsx";
import { ActDialog } from "../parts/dialog.tsx";
import { formatCount, Id, isolated, When } from "../parts/format.tsx";
import { useLoad } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { go, to } from "../parts/route.ts";
import type { PageProps } from "../dashboard.tsx";
import type { UserJson } from "./people.tsx";
import { Fact } from "./session.tsx";

interface DetailsJson extends UserJson {
  places: { account: string; chat: string; thread: string; kind: string; title: string }[];
  sessions: number;
  messages: number;
  memories: number;
  last_used_at: string | null;
}

type Counts = Pick<DetailsJson, "sessions" | "messages" | "memories">;

export function Person({ id }: PageProps) {
  const may = useMay();
  const [asked, setAsked] = useState<"block" | "erase" | null>(null);
  const address = `/v1/users/${encodeURIComponent(id)}`;
  const { data: user, problem, reload } = useLoad<DetailsJson>(address);
  if (!user) return problem ? <Trouble problem={problem} again={reload} /> : <Waiting />;
  const name = shownName(user.name) || user.user_id;
  const close = () => setAsked(null);
  return (
    <>
      <p class="subtitle">
        <bdi>{name}</bdi> {user.blocked && <Badge tone="bad">blocked</Badge>}
      </p>
      <dl class="facts">
        <Fact name="Kind">{user.kind}</Fact>
        <Fact name="User">
          <Id id={user.user_id} />
        </Fact>
        <Fact name="Sessions">
          <a href={to("/sessions", { user_id: user.user_id })}>{formatCount(user.sessions)}</a>
        </Fact>
        <Fact name="Messages">{formatCount(user.messages)}</Fact>
        <Fact name="Remembered">{formatCount(user.memories)}</Fact>
        <Fact name="Last used">
          <When at={user.last_used_at} never="never" />
        </Fact>
      </dl>
      <div class="actions start">
        <a class="button small" href={to("/feedback", { user_id: user.user_id })}>
          Feedback
        </a>
        <a class="button small" href={to("/traces", { user_id: user.user_id })}>
          Traces
        </a>
        <a class="button small" href={`${address}/export`} download={`${user.user_id}.jsonl`}>
          Export
        </a>
        {may.act && user.kind === "person" && (
          <button type="button" class="button small" onClick={() => setAsked("block")}>
            {user.blocked ? "Unblock" : "Block"}
          </button>
        )}
        {may.act && (
          <button type="button" class="button small danger" onClick={() => setAsked("erase")}>
            Erase
          </button>
        )}
      </div>
      <section aria-labelledby="accounts">
        <h2 id="accounts">Accounts</h2>
        <DataTable
          caption="Accounts"
          rows={user.identities}
          keyOf={(row) => `${row.platform} ${row.external_id}`}
          columns={[
            { name: "Platform", head: true, cell: (row) => row.platform },
            { name: "Id", cell: (row) => <code>{row.external_id}</code> },
            { name: "Name", cell: (row) => <bdi>{shownName(row.name) || "–"}</bdi> },
            { name: "Approved", cell: (row) => <When at={row.approved_at} /> },
            { name: "Blocked", cell: (row) => <When at={row.blocked_at} /> },
          ]}
        />
      </section>
      {user.places.length > 0 && (
        <section aria-labelledby="places">
          <h2 id="places">Places</h2>
          <DataTable
            caption="Places"
            rows={user.places}
            keyOf={(row) => `${row.account} ${row.chat} ${row.thread}`}
            columns={[
              { name: "Chat", head: true, cell: (row) => <bdi>{shownName(row.title) || row.chat}</bdi> },
              { name: "Bot", cell: (row) => row.account },
              { name: "Thread", cell: (row) => row.thread || "–" },
              { name: "Kind", cell: (row) => row.kind },
            ]}
          />
        </section>
      )}
      {asked === "block" && (
        <ActDialog
          title={`${user.blocked ? "Unblock" : "Block"} ${isolated(name)}?`}
          doIt={user.blocked ? "Unblock" : "Block"}
          danger={!user.blocked}
          act={() => callApi("PATCH", address, { body: { blocked: !user.blocked } })}
          done={() => {
            showToast(user.blocked ? `${isolated(name)} is heard again.` : `${isolated(name)} is not heard any more.`);
            reload();
          }}
          close={close}
        >
          <p>
            {user.blocked
              ? "What they write is taken in again, on every platform."
              : "Nothing they write is taken in any more, on every platform; what runs for them ends."}
          </p>
        </ActDialog>
      )}
      {asked === "erase" && (
        <ActDialog
          title={`Erase ${isolated(name)} for good?`}
          doIt="Erase for good"
          danger
          typed={name}
          act={() => callApi("DELETE", address)}
          done={() => {
            showToast(`${isolated(name)} is gone; what is left of them goes within minutes.`);
            go(to("/people"));
          }}
          close={close}
        >
          <WhatGoes address={address} />
        </ActDialog>
      )}
    </>
  );
}

function WhatGoes({ address }: { address: string }) {
  const [counts, setCounts] = useState<Counts | null>(null);
  useEffect(() => {
    void callApi<Counts>("DELETE", `${address}?dry_run=true`).then(setCounts, () => undefined);
  }, [address]);
  return (
    <p>
      {counts
        ? `${formatCount(counts.sessions)} sessions, ${formatCount(counts.messages)} messages and ${formatCount(counts.memories)} memories go, with all accounts. `
        : "All sessions, messages, memories and accounts go. "}
      Nobody can bring them back. Export them first if they are to be handed over.
    </p>
  );
}
