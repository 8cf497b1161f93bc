import { useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { showToast } from "../../kit/toast.tsx";
import { Badge } from "../parts/badge.tsx";
import { type Column, DataTable, List } from "../parts/data-table.tsx";
import { ActDialog, Dialog } from "../parts/dialog.tsx";
import { formatMs, When } from "../parts/format.tsx";
import { asProblem, useLoad, wordsOf } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { to } from "../parts/route.ts";

interface AgentJson {
  name: string;
  kind: string;
  description: string;
  enabled: boolean;
  registered: boolean;
  model: string | null;
  version: string;
  operations: {
    url: string | null;
    resting: boolean;
    rests_for_ms: number;
    in_flight: number;
    waiting: number;
    completed: number;
    failed: number;
    cancelled: number;
    last_error: { code: string; at: string } | null;
  } | null;
}

const REFRESH_MS = 5_000;
type Asked = { what: "test" | "switch" | "remove"; agent: AgentJson } | { what: "register" };

export function Agents() {
  const may = useMay();
  const [asked, setAsked] = useState<Asked | null>(null);
  const { data, ...rest } = useLoad<{ agents: AgentJson[] }>("/v1/agents", REFRESH_MS);
  const columns: Column<AgentJson>[] = [
    {
      name: "Agent",
      head: true,
      wide: true,
      cell: (agent) => (
        <>
          <a
            href={to(
              agent.kind === "native" ? `/agents/${encodeURIComponent(agent.name)}` : "/traces",
              agent.kind === "native" ? {} : { agent_id: agent.name },
            )}
          >
            {agent.name}
          </a>
          <span class="muted block">{agent.description}</span>
        </>
      ),
    },
    { name: "Health", cell: (agent) => <Health agent={agent} /> },
    { name: "Kind", cell: (agent) => (agent.registered ? `${agent.kind}, registered` : agent.kind) },
    { name: "Model", cell: (agent) => agent.model ?? "default" },
    { name: "Card version", cell: (agent) => <code>{agent.version.slice(0, 8)}</code> },
    {
      name: "Running",
      end: true,
      cell: ({ operations: of }) => (of ? `${of.in_flight}${of.waiting > 0 ? ` (+${of.waiting} wait)` : ""}` : "–"),
    },
    {
      name: "Last day",
      end: true,
      cell: ({ name, operations: of }) =>
        of ? (
          <>
            <a href={to("/runs", { agent_id: name, since: "1d" })}>
              {of.completed} completed, {of.failed} failed
            </a>
            {of.last_error && (
              <span class="muted block">
                {of.last_error.code} <When at={of.last_error.at} />
              </span>
            )}
          </>
        ) : (
          "–"
        ),
    },
    {
      name: "",
      end: true,
      cell: (agent) => (
        <span class="actions">
          {agent.kind === "native" && (
            <a
              class="button small"
              href={to(`/agents/${encodeURIComponent(agent.name)}`)}
              aria-label={`Card of ${agent.name}`}
            >
              Card
            </a>
          )}
          {may.act && (
            <>
              <button
                type="button"
                class="button small"
                aria-label={`Test ${agent.name}`}
                onClick={() => setAsked({ what: "test", agent })}
              >
                Test
              </button>
              <button
                type="button"
                class="button small"
                aria-label={`${agent.enabled ? "Disable" : "Enable"} ${agent.name}`}
                onClick={() => setAsked({ what: "switch", agent })}
              >
                {agent.enabled ? "Disable" : "Enable"}
              </button>
              {agent.registered && (
                <button
                  type="button"
                  class="button small danger"
                  aria-label={`Remove ${agent.name}`}
                  onClick={() => setAsked({ what: "remove", agent })}
                >
                  Remove
                </button>
              )}
            </>
          )}
        </span>
      ),
    },
  ];
  const close = () => setAsked(null);
  const done = (words: string) => () => {
    showToast(words);
    rest.reload();
  };
  return (
    <>
      {may.act && (
        <p class="actions start">
          <button type="button" class="button primary" onClick={() => setAsked({ what: "register" })}>
            Register an agent
          </button>
        </p>
      )}
      <List list={{ ...rest, rows: data?.agents ?? null }} empty="There is no agent.">
        {(rows) => <DataTable caption="Agents" columns={columns} rows={rows} keyOf={(agent) => agent.name} />}
      </List>
      {asked?.what === "test" && <TestCall agent={asked.agent.name} close={close} />}
      {asked?.what === "register" && <Register close={close} done={done("The agent is registered.")} />}
      {asked?.what === "switch" && (
        <ActDialog
          title={`${asked.agent.enabled ? "Disable" : "Enable"} ${asked.agent.name}?`}
          doIt={asked.agent.enabled ? "Disable it" : "Enable it"}
          danger={asked.agent.enabled}
          act={() => callApi("PATCH", address(asked.agent), { body: { enabled: !asked.agent.enabled } })}
          done={done(`${asked.agent.name} is ${asked.agent.enabled ? "off" : "on"} on all replicas within seconds.`)}
          close={close}
        >
          <p>{asked.agent.enabled ? "It takes no turns until it is enabled again." : "It takes turns again."}</p>
        </ActDialog>
      )}
      {asked?.what === "remove" && (
        <ActDialog
          title={`Take ${asked.agent.name}’s registration back?`}
          doIt="Take it back"
          danger
          typed={asked.agent.name}
          act={() => callApi("DELETE", address(asked.agent))}
          done={done("The registration is gone.")}
          close={close}
        >
          <p>Talks with it go on with the default agent.</p>
        </ActDialog>
      )}
    </>
  );
}

const address = ({ name }: AgentJson) => `/v1/agents/${encodeURIComponent(name)}`;

function Health({ agent }: { agent: AgentJson }) {
  if (!agent.enabled) return <Badge tone="quiet">off</Badge>;
  const { operations } = agent;
  if (operations?.resting) return <Badge tone="bad">rests for {formatMs(operations.rests_for_ms)}</Badge>;
  if (operations && operations.failed > operations.completed) return <Badge tone="warn">fails often</Badge>;
  return <Badge tone="good">healthy</Badge>;
}

interface Tried {
  ok: boolean;
  text: string;
  code: string | null;
  message: string | null;
  ms: number;
}

function TestCall({ agent, close }: { agent: string; close: () => void }) {
  const [text, setText] = useState("Say hello in one short sentence.");
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState<Tried | null>(null);
  const ask = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTried(null);
    try {
      setTried(await callApi<Tried>("POST", `/v1/agents/${encodeURIComponent(agent)}/test`, { body: { text } }));
    } catch (error) {
      const problem = asProblem(error);
      setTried({ ok: false, text: "", code: problem.code, message: wordsOf(problem), ms: 0 });
    }
    setBusy(false);
  };
  return (
    <Dialog title={`Test ${agent}`} close={close}>
      <form onSubmit={(event) => void ask(event)}>
        <p class="muted">It is asked once, without tools. Nothing of it is kept.</p>
        <label class="stack">
          <span>What to ask</span>
          <textarea class="field" rows={3} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <div role="status">
          {busy && <p>Asking…</p>}
          {tried && (
            <div class={tried.ok ? "result good" : "result bad"}>
              <p>
                <Badge tone={tried.ok ? "good" : "bad"}>{tried.ok ? "It answers" : (tried.code ?? "It failed")}</Badge>{" "}
                {tried.ms > 0 && formatMs(tried.ms)}
              </p>
              <p class="words">{tried.ok ? tried.text : tried.message}</p>
            </div>
          )}
        </div>
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Close
          </button>
          <button type="submit" class="button primary" disabled={busy || text.trim() === ""}>
            Ask
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Register({ close, done }: { close: () => void; done: () => void }) {
  const [fields, setFields] = useState({ name: "", url: "", description: "", model: "", key: "" });
  const [allowHttp, setAllowHttp] = useState(false);
  const filled = Object.fromEntries(Object.entries(fields).filter(([, value]) => value.trim() !== ""));
  const field = (name: keyof typeof fields, label: string, required: boolean, hint = "") => (
    <label class="stack">
      <span>
        {label} {hint !== "" && <small class="muted">{hint}</small>}
      </span>
      <input
        class="field"
        required={required}
        value={fields[name]}
        onInput={(event) => setFields({ ...fields, [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <ActDialog
      title="Register an agent that runs elsewhere"
      doIt="Register"
      act={() => callApi("POST", "/v1/agents", { body: { ...filled, ...(allowHttp ? { allow_http: true } : {}) } })}
      done={done}
      close={close}
    >
      {field("name", "Name", true)}
      {field("url", "Address", true, "of a server that speaks OpenAI’s chat completions")}
      {field("description", "Description", false)}
      {field("model", "Model", false)}
      {field("key", "Key", false, "the variable that holds it: ${AGENT_…}")}
      <label class="choice">
        <input type="checkbox" checked={allowHttp} onChange={(event) => setAllowHttp(event.currentTarget.checked)} />
        The address may be unencrypted
      </label>
    </ActDialog>
  );
}
