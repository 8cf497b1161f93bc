import { useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { showToast } from "../../kit/toast.tsx";
import { Badge, State } from "../parts/badge.tsx";
import { type Column, DataTable, List } from "../parts/data-table.tsx";
import { ActDialog } from "../parts/dialog.tsx";
import { Filters } from "../parts/filters.tsx";
import { Id, When } from "../parts/format.tsx";
import { useLoad, withQuery } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { to } from "../parts/route.ts";
import type { PageProps } from "../dashboard.tsx";

interface DeliveryJson {
  id: string;
  state: "uncertain" | "failed" | "parked";
  account: string;
  chat: string;
  thread: string;
  session_id: string | null;
  page: number;
  error: string | null;
  created_at: string;
  chat_gone_at: string | null;
  parked_until: string | null;
}

const STATE = {
  name: "state",
  label: "State",
  options: [
    ["", "All"],
    ["uncertain", "Uncertain"],
    ["failed", "Failed"],
    ["parked", "Parked"],
  ],
} as const;
const REFRESH_MS = 10_000;

export function Deliveries({ query }: PageProps) {
  const may = useMay();
  const [asked, setAsked] = useState<{ what: "retry" | "resolve"; post: DeliveryJson } | null>(null);
  const address = withQuery("/v1/deliveries", { state: query.get("state"), limit: 200 });
  const { data, ...rest } = useLoad<{ deliveries: DeliveryJson[] }>(address, REFRESH_MS);
  const columns: Column<DeliveryJson>[] = [
    { name: "Post", head: true, cell: (post) => <Id id={post.id} /> },
    { name: "State", cell: (post) => <State of={post.state} /> },
    {
      name: "Where",
      cell: (post) => (
        <>
          {post.account} <code>{post.chat}</code>
          {post.chat_gone_at !== null && <Badge tone="bad">chat is gone</Badge>}
        </>
      ),
    },
    {
      name: "Session",
      cell: (post) =>
        post.session_id === null ? "–" : <Id id={post.session_id} href={to(`/sessions/${post.session_id}`)} />,
    },
    {
      name: "Why",
      wide: true,
      cell: (post) =>
        post.parked_until === null ? (
          (post.error ?? "–")
        ) : (
          <>
            the platform asked to wait until <When at={post.parked_until} />
          </>
        ),
    },
    { name: "Made", end: true, cell: (post) => <When at={post.created_at} /> },
    {
      name: "",
      end: true,
      cell: (post) =>
        may.act &&
        post.state !== "parked" && (
          <span class="actions">
            <button
              type="button"
              class="button small"
              aria-label={`Retry ${post.id}`}
              onClick={() => setAsked({ what: "retry", post })}
            >
              Retry
            </button>
            <button
              type="button"
              class="button small"
              aria-label={`Resolve ${post.id}`}
              onClick={() => setAsked({ what: "resolve", post })}
            >
              Resolve
            </button>
          </span>
        ),
    },
  ];
  const common = { close: () => setAsked(null), reload: rest.reload };
  return (
    <>
      <p class="muted about">
        Uncertain posts may stand in the chat or not: look there, then retry or resolve them. Failed ones do not stand
        there. Parked ones wait until the platform takes calls again, and go out by themselves.
      </p>
      <Filters query={query} choices={[STATE]} />
      <List list={{ ...rest, rows: data?.deliveries ?? null }} empty="Every post is where it belongs.">
        {(rows) => <DataTable caption="Deliveries" columns={columns} rows={rows} keyOf={(post) => post.id} />}
      </List>
      {asked?.what === "retry" && <Retry post={asked.post} {...common} />}
      {asked?.what === "resolve" && <Resolve post={asked.post} {...common} />}
    </>
  );
}

interface Asking {
  post: DeliveryJson;
  close: () => void;
  reload: () => void;
}

function Retry({ post, close, reload }: Asking) {
  const doubt = post.state === "uncertain";
  return (
    <ActDialog
      title="Post it again?"
      doIt={doubt ? "Post it, even if twice" : "Post it"}
      danger={doubt}
      act={() => callApi("POST", `/v1/deliveries/${post.id}/retry`, { body: { even_if_shown: doubt } })}
      done={() => {
        showToast("It is posted behind what waits in its chat.");
        reload();
      }}
      close={close}
    >
      <p>
        {doubt
          ? "It may stand in the chat already. Look there first: posted again, it stands there twice."
          : "It failed and is not in the chat."}
      </p>
    </ActDialog>
  );
}

function Resolve({ post, close, reload }: Asking) {
  const [outcome, setOutcome] = useState<"shown" | "dropped">("shown");
  return (
    <ActDialog
      title="Take it off the list?"
      doIt="Take it off"
      act={() => callApi("POST", `/v1/deliveries/${post.id}/resolve`, { body: { outcome } })}
      done={() => {
        showToast("It is off the list.");
        reload();
      }}
      close={close}
    >
      <fieldset>
        <legend>What became of it</legend>
        <label class="choice">
          <input type="radio" name="outcome" checked={outcome === "shown"} onChange={() => setOutcome("shown")} />
          It was seen in the chat
        </label>
        <label class="choice">
          <input type="radio" name="outcome" checked={outcome === "dropped"} onChange={() => setOutcome("dropped")} />
          Nobody needs it any more
        </label>
      </fieldset>
    </ActDialog>
  );
}
