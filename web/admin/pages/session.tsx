import { useState } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { State } from "../parts/badge.tsx";
import { Trouble, Waiting } from "../parts/data-table.tsx";
import { ActDialog } from "../parts/dialog.tsx";
import { formatCompact, formatCount, formatUsd, Id, When } from "../parts/format.tsx";
import { type Loaded, useLoad } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { go, to } from "../parts/route.ts";
import { tell } from "../parts/tell.tsx";
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

export function Session({ id }: PageProps) {
  const address = `/v1/sessions/${encodeURIComponent(id)}`;
  const session = useLoad<SessionJson>(`${address}?limit=1`, REFRESH_MS);
  const { data, problem } = session;
  if (!data) return problem ? <Trouble problem={problem} again={session.reload} /> : <Waiting />;
  return <Found session={data} address={address} reload={session.reload} />;
}

function Found({ session, address, reload }: { session: SessionJson; address: string; reload: () => void }) {
  const may = useMay();
  const [asked, setAsked] = useState<"stop" | "delete" | null>(null);
  const usage = useLoad<UsageJson>(`${address}/usage`).data;
  const runs = useLoad<{ runs: RunJson[] }>(`${address}/runs?limit=50`, REFRESH_MS);
  const list = { ...runs, rows: runs.data?.runs ?? null };
  const close = () => setAsked(null);
  const title = session.title || "Untitled";
  return (
    <>
      <p class="subtitle">{title}</p>
      <dl class="facts">
        <Fact name="State">
          <State of={session.status} />
        </Fact>
        <Fact name="Agent">{session.agent}</Fact>
        <Fact name="Platform">{session.platform}</Fact>
        <Fact name="Person">
          <Id id={session.user_id} href={to(`/people/${session.user_id}`)} />
        </Fact>
        <Fact name="Session">
          <Id id={session.id} />
        </Fact>
        <Fact name="Last used">
          <When at={session.updated_at} />
        </Fact>
        {usage && (
          <Fact name="Used">
            {formatCompact(usage.input_tokens + usage.output_tokens)} tokens, {formatUsd(usage.cost_usd)}
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
      <Transcript key={session.id} session={session} address={address} />
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
            tell("The answer ends, and what waited is withdrawn.");
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
            tell("The session is deleted.");
            go(to("/sessions"));
          }}
          close={close}
        >
          <p>
            “{title}”, with {formatCount(session.head_seq)} messages, runs and files. Nobody can bring it back.
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

/** The newest messages first to be read, in their order; older ones on demand. */
function Transcript({ session, address }: { session: SessionJson; address: string }) {
  const [pages, setPages] = useState(1);
  const after = Math.max(0, session.head_seq - pages * PAGE);
  const loaded: Loaded<{ messages: MessageJson[] }> = useLoad(
    `${address}/messages?after=${after}&limit=${Math.min(1_000, pages * PAGE + PAGE)}`,
  );
  const messages = loaded.data?.messages;
  return (
    <section aria-labelledby="talk">
      <h2 id="talk">Transcript</h2>
      {loaded.problem && <Trouble problem={loaded.problem} again={loaded.reload} />}
      {!messages && !loaded.problem && <Waiting />}
      {messages?.length === 0 && <p class="empty">Nothing was said here yet.</p>}
      {after > 0 && pages < 9 && messages && (
        <p class="more">
          <button type="button" class="button small" onClick={() => setPages(pages + 1)}>
            Show earlier messages
          </button>
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

function Said({ message }: { message: MessageJson }) {
  const { role, author, agent, parts, status, trace_id: trace } = message;
  const who = role === "user" ? author?.name || "Person" : role === "assistant" ? (agent ?? "Agent") : role;
  return (
    <li class={role}>
      <p class="by">
        <strong>{who}</strong> <When at={message.created_at} />
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
  if (part.type === "text") return <p class="words">{part.text}</p>;
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
