import { useEffect, useRef, useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { shownName } from "../../kit/shown-name.ts";
import { showToast } from "../../kit/toast.tsx";
import { State } from "../parts/badge.tsx";
import { Trouble, Waiting } from "../parts/data-table.tsx";
import { ActDialog } from "../parts/dialog.tsx";
import { formatCompact, formatCount, formatUsd, Id, When } from "../parts/format.tsx";
import { useLoad } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { go, setFilters, to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import type { PageProps } from "../dashboard.tsx";
import { type RunJson, RunList } from "./runs.tsx";
import type { SessionJson } from "./sessions.tsx";

interface Part {
  type: string;
  text?: string;
  tool?: string;
  args?: string;
  ok?: boolean;
  name?: string;
  kind?: string;
}
interface MessageJson {
  message_id: string;
  seq: number | null;
  role: string;
  agent: string | null;
  trace_id: string | null;
  status: string;
  author: { id: string; name: string } | null;
  parts: Part[];
  created_at: string;
}
interface UsageJson {
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  turn_count: number;
}

const PAGE = 100;
const REFRESH_MS = 5_000;

export function Session({ id, query }: PageProps) {
  const address = `/v1/sessions/${encodeURIComponent(id)}`;
  const session = useLoad<SessionJson>(`${address}?limit=1`, REFRESH_MS);
  const { data, problem } = session;
  if (!data) return problem ? <Trouble problem={problem} again={session.reload} /> : <Waiting />;
  const page = Math.max(0, Math.trunc(Number(query.get("page"))) || 0);
  return <Found session={data} address={address} page={Math.min(page, lastPage(data))} reload={session.reload} />;
}

function lastPage({ head_seq: head }: SessionJson): number {
  return Math.max(0, Math.ceil(head / PAGE) - 1);
}

function Found(props: { session: SessionJson; address: string; page: number; reload: () => void }) {
  const { session, address, page, reload } = props;
  const may = useMay();
  const [asked, setAsked] = useState<"stop" | "delete" | null>(null);
  const usage = useLoad<UsageJson>(`${address}/usage`).data;
  const runs = useLoad<{ runs: RunJson[] }>(`${address}/runs?limit=50`, REFRESH_MS);
  const list = { ...runs, rows: runs.data?.runs ?? null };
  const close = () => setAsked(null);
  const title = session.title || "Untitled";
  return (
    <>
      <p class="subtitle">
        <bdi>{title}</bdi>
      </p>
      <dl class="facts">
        <Fact name="State">
          <State of={session.status} />
        </Fact>
        <Fact name="Agent">{session.agent}</Fact>
        <Fact name="Platform">{session.platform}</Fact>
        <Fact name="Person">
          <Who id={session.user_id} href={to(`/people/${session.user_id}`)} />
        </Fact>
        <Fact name="Session">
          <Id id={session.id} />
        </Fact>
        <Fact name="Last used">
          <When at={session.updated_at} />
        </Fact>
        {usage && (
          <Fact name="Used">
            {formatCompact(usage.input_tokens + usage.output_tokens)} tokens,{" "}
            {usage.cost_usd === null ? "cost unknown" : `${formatUsd(usage.cost_usd)} (estimated)`}
          </Fact>
        )}
      </dl>
      <div class="actions start">
        <a class="button small" href={to("/traces", { session_id: session.id })}>
          Traces
        </a>
        {may.act && session.status !== "idle" && (
          <button type="button" class="button small" onClick={() => setAsked("stop")}>
            Stop
          </button>
        )}
        {may.act && (
          <button type="button" class="button small danger" onClick={() => setAsked("delete")}>
            Delete
          </button>
        )}
      </div>
      <Transcript session={session} address={address} page={page} />
      <section aria-labelledby="runs">
        <h2 id="runs">Runs</h2>
        <RunList list={list} name="Runs of this session" empty="Nothing was answered here yet." ofSession />
      </section>
      {asked === "stop" && (
        <ActDialog
          title="Stop what is being answered?"
          doIt="Stop it"
          danger
          act={() => callApi("POST", `${address}/stop`)}
          done={() => {
            showToast("The answer ends, and what waited is withdrawn.");
            reload();
          }}
          close={close}
        >
          <p>The running answer ends, and messages that wait are withdrawn.</p>
        </ActDialog>
      )}
      {asked === "delete" && (
        <ActDialog
          title="Delete this session for good?"
          doIt="Delete it"
          danger
          typed={session.id.slice(-6)}
          act={() => callApi("DELETE", address)}
          done={() => {
            showToast("The session is deleted.");
            go(to("/sessions"));
          }}
          close={close}
        >
          <p>
            “<bdi>{title}</bdi>”, with {formatCount(session.head_seq)} messages, runs and files. Nobody can bring it
            back.
          </p>
        </ActDialog>
      )}
    </>
  );
}

export function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A page of what was said, the newest one unless the address asks for an older one. */
function Transcript({ session, address, page }: { session: SessionJson; address: string; page: number }) {
  const { head_seq: head } = session;
  const after = Math.max(0, head - (page + 1) * PAGE);
  // Behind the newest ones stands what waits for its turn.
  const limit = page === 0 ? 2 * PAGE : Math.min(PAGE, head - page * PAGE - after);
  const live = page === 0 && session.status !== "idle" ? REFRESH_MS : 0;
  const { data, problem, reload } = useLoad<{ messages: MessageJson[] }>(
    `${address}/messages?after=${after}&limit=${limit}`,
    live,
  );
  const seen = useRef(head);
  useEffect(() => {
    if (seen.current !== head) reload();
    seen.current = head;
  }, [head, reload]);
  const messages = data?.messages;
  return (
    <section aria-labelledby="talk">
      <h2 id="talk">Transcript</h2>
      {problem && <Trouble problem={problem} again={reload} />}
      {!messages && !problem && <Waiting />}
      {messages?.length === 0 && <p class="empty">Nothing was said here yet.</p>}
      {(after > 0 || page > 0) && (
        <p class="actions start">
          <button type="button" class="button small" disabled={after === 0} onClick={() => turnTo(page + 1)}>
            Earlier
          </button>
          <button type="button" class="button small" disabled={page === 0} onClick={() => turnTo(page - 1)}>
            Later
          </button>
          <span class="muted">
            {formatCount(after + 1)} to {formatCount(Math.max(after + 1, head - page * PAGE))} of {formatCount(head)}
          </span>
        </p>
      )}
      <ol class="transcript" start={after + 1}>
        {messages?.map((message) => (
          <Said key={message.message_id} message={message} />
        ))}
      </ol>
    </section>
  );
}

function turnTo(page: number): void {
  setFilters({ page: page === 0 ? null : String(page) });
}

function Said({ message }: { message: MessageJson }) {
  const { role, author, agent, parts, status, trace_id: trace } = message;
  const who =
    role === "user" ? shownName(author?.name ?? "") || "Person" : role === "assistant" ? (agent ?? "Agent") : role;
  return (
    <li class={role}>
      <p class="by">
        <strong>
          <bdi>{who}</bdi>
        </strong>{" "}
        <When at={message.created_at} />
        {status !== "complete" && <span class="badge quiet">{status}</span>}
        {trace !== null && role === "assistant" && <a href={to(`/traces/${trace}`)}>Trace</a>}
      </p>
      {parts.map((part, index) => (
        <PartOf key={index} part={part} />
      ))}
    </li>
  );
}

/** As text, whatever it is: nothing that people or tools wrote is taken for more here. */
function PartOf({ part }: { part: Part }) {
  if (part.type === "text")
    return (
      <p class="words" dir="auto">
        {part.text}
      </p>
    );
  if (part.type === "file") return <p class="muted">File: {part.name}</p>;
  const name =
    part.type === "tool_call"
      ? `Calls ${part.tool}`
      : part.type === "tool_result"
        ? part.ok
          ? "Result"
          : "Result: failed"
        : `Context: ${part.kind ?? part.type}`;
  return (
    <details>
      <summary>{name}</summary>
      <pre tabIndex={0}>{part.args ?? part.text}</pre>
    </details>
  );
}
