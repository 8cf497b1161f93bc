import { useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { showToast } from "../../kit/toast.tsx";
import { Badge } from "../parts/badge.tsx";
import { type Column, DataTable, List } from "../parts/data-table.tsx";
import { ActDialog, Dialog } from "../parts/dialog.tsx";
import { Id, When } from "../parts/format.tsx";
import { usePages } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";

interface KeyJson {
  key_id: string;
  name: string;
  role: string | null;
  agent: string | null;
  user_id: string | null;
  scopes: string[];
  created_by: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
  previous_until: string | null;
}
type Asked = { what: "rotate" | "revoke"; key: KeyJson } | { what: "make" };

const isOver = ({ revoked_at: revoked, expires_at: end }: KeyJson) =>
  revoked !== null || (end !== null && Date.parse(end) <= Date.now());

export function Keys() {
  const may = useMay();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [secret, setSecret] = useState<(KeyJson & { key: string }) | null>(null);
  const list = usePages<KeyJson>("/v1/keys", (answer) => {
    const { keys, next_cursor: next } = answer as { keys: KeyJson[]; next_cursor: string | null };
    return { rows: keys, next };
  });
  const columns: Column<KeyJson>[] = [
    {
      name: "Name",
      head: true,
      cell: (key) => (
        <>
          <bdi>{key.name}</bdi>{" "}
          <span class="muted block">
            <Id id={key.key_id} />
          </span>
        </>
      ),
    },
    {
      name: "Whose",
      cell: (key) =>
        key.role ??
        (key.agent === null ? (
          <Who id={key.user_id ?? ""} href={to(`/people/${key.user_id}`)} />
        ) : (
          `agent ${key.agent}`
        )),
    },
    {
      name: "State",
      cell: (key) => (
        <>
          <Badge tone={isOver(key) ? "quiet" : "good"}>
            {key.revoked_at === null ? (isOver(key) ? "over" : "valid") : "revoked"}
          </Badge>
          {key.previous_until !== null && Date.parse(key.previous_until) > Date.now() && (
            <Badge tone="warn">
              old secret until <When at={key.previous_until} />
            </Badge>
          )}
        </>
      ),
    },
    {
      name: "Scopes",
      cell: (key) => (
        <details>
          <summary>{key.scopes.length}</summary>
          {key.scopes.join(", ")}
        </details>
      ),
    },
    { name: "Last used", cell: (key) => <When at={key.last_used_at} never="never" /> },
    { name: "Expires", cell: (key) => <When at={key.expires_at} never="never" /> },
    {
      name: "Made",
      cell: (key) => (
        <>
          <When at={key.created_at} />{" "}
          <span class="muted block">
            by <Who id={key.created_by} />
          </span>
        </>
      ),
    },
    {
      name: "",
      end: true,
      cell: (key) =>
        may.keys &&
        !isOver(key) && (
          <span class="actions">
            <button
              type="button"
              class="button small"
              aria-label={`Rotate ${key.name}`}
              onClick={() => setAsked({ what: "rotate", key })}
            >
              Rotate
            </button>
            <button
              type="button"
              class="button small danger"
              aria-label={`Revoke ${key.name}`}
              onClick={() => setAsked({ what: "revoke", key })}
            >
              Revoke
            </button>
          </span>
        ),
    },
  ];
  const close = () => setAsked(null);
  const made = (key: KeyJson & { key: string }) => {
    setSecret(key);
    list.reload();
  };
  return (
    <>
      {may.keys ? (
        <p class="actions start">
          <button type="button" class="button primary" onClick={() => setAsked({ what: "make" })}>
            Make a key
          </button>
        </p>
      ) : (
        <p class="muted">Only an owner makes, rotates and revokes keys.</p>
      )}
      <List
        list={list}
        empty="There is no key but the one of the settings (ADMIN_API_KEY). Give each program a key of its own, so that it can be revoked alone."
      >
        {(rows) => <DataTable caption="Keys" columns={columns} rows={rows} keyOf={(key) => key.key_id} />}
      </List>
      {asked?.what === "make" && <MakeKey made={made} close={close} />}
      {asked?.what === "rotate" && <RotateKey of={asked.key} made={made} close={close} />}
      {asked?.what === "revoke" && (
        <ActDialog
          title={`Revoke ${asked.key.name}?`}
          doIt="Revoke it"
          danger
          act={() => callApi("DELETE", `/v1/keys/${asked.key.key_id}`)}
          done={() => {
            showToast("The key is revoked; all replicas refuse it within 10 s.");
            list.reload();
          }}
          close={close}
        >
          <p>Whoever uses it is refused from then on. A revoked key never works again.</p>
        </ActDialog>
      )}
      {secret && <Secret of={secret} close={() => setSecret(null)} />}
    </>
  );
}

/** The only time a secret is seen. */
function Secret({ of, close }: { of: KeyJson & { key: string }; close: () => void }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(of.key);
      showToast("Copied.");
    } catch {
      showToast("The browser did not let it be copied: select it and copy it yourself.");
    }
  };
  return (
    <Dialog title={`The secret of ${of.name}`} close={close}>
      <p>It is shown this once. Keep it where secrets are kept; whoever has it has its rights.</p>
      <p>
        <code class="secret">{of.key}</code>
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" class="button primary" onClick={close}>
          I have it
        </button>
      </div>
    </Dialog>
  );
}

const KINDS = [
  ["viewer", "An operator who looks (viewer)"],
  ["operator", "An operator who acts (operator)"],
  ["owner", "An operator who makes keys, too (owner)"],
  ["agent", "An agent"],
  ["user", "A person"],
] as const;

function MakeKey({ made, close }: { made: (key: KeyJson & { key: string }) => void; close: () => void }) {
  const [name, setName] = useState("");
  const [kind, setKind] = useState<string>("viewer");
  const [whose, setWhose] = useState("");
  const [days, setDays] = useState("90");
  const isOperator = kind !== "agent" && kind !== "user";
  const act = async () => {
    const expires = days === "" ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
    const bound = isOperator ? { role: kind } : { [kind]: whose.trim() };
    made(await callApi("POST", "/v1/keys", { body: { name: name.trim(), ...bound, expires_at: expires } }));
  };
  return (
    <ActDialog title="Make a key" doIt="Make it" act={act} close={close}>
      <label class="stack">
        <span>Name</span>
        <input class="field" required value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="stack">
        <span>For</span>
        <select class="field" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          {KINDS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {!isOperator && (
        <label class="stack">
          <span>{kind === "agent" ? "Which agent" : "Which person (usr_…, or a name of the API)"}</span>
          <input class="field" required value={whose} onInput={(event) => setWhose(event.currentTarget.value)} />
        </label>
      )}
      <label class="stack">
        <span>Good for</span>
        <select class="field" value={days} onChange={(event) => setDays(event.currentTarget.value)}>
          <option value="7">7 days</option>
          <option value="90">90 days</option>
          <option value="365">A year</option>
          <option value="">Until it is revoked</option>
        </select>
      </label>
    </ActDialog>
  );
}

function RotateKey(props: { of: KeyJson; made: (key: KeyJson & { key: string }) => void; close: () => void }) {
  const { of, made, close } = props;
  const [overlap, setOverlap] = useState("86400");
  return (
    <ActDialog
      title={`Give ${of.name} another secret?`}
      doIt="Rotate it"
      act={async () =>
        made(await callApi("POST", `/v1/keys/${of.key_id}/rotate`, { body: { overlap_seconds: Number(overlap) } }))
      }
      close={close}
    >
      <label class="stack">
        <span>The secret it has now counts for</span>
        <select class="field" value={overlap} onChange={(event) => setOverlap(event.currentTarget.value)}>
          <option value="0">No time more</option>
          <option value="3600">Another hour</option>
          <option value="86400">Another day</option>
          <option value="604800">Another week</option>
        </select>
      </label>
    </ActDialog>
  );
}
