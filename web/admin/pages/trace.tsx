import { useState } from "preact/hooks";
import { State } from "../parts/badge.tsx";
import { Trouble, Waiting } from "../parts/data-table.tsx";
import { formatCompact, formatMs, Id, When } from "../parts/format.tsx";
import { useLoad } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import { type SpanNode, type SpanRow, waterfall } from "../parts/waterfall.ts";
import type { PageProps } from "../dashboard.tsx";
import { Fact } from "./session.tsx";
import type { TraceJson } from "./traces.tsx";

export function Trace({ id }: PageProps) {
  const loaded = useLoad<TraceJson & { tree: SpanNode[] }>(`/v1/traces/${encodeURIComponent(id)}`);
  const { data: trace, problem } = loaded;
  if (!trace) return problem ? <Trouble problem={problem} again={loaded.reload} /> : <Waiting />;
  const { rows, totalMs } = waterfall(trace.tree);
  return (
    <>
      <dl class="facts">
        <Fact name="Outcome">
          <State of={trace.status} />
        </Fact>
        <Fact name="Agent">{trace.agent_id ?? "–"}</Fact>
        <Fact name="Model">{trace.model ?? "–"}</Fact>
        <Fact name="Took">{formatMs(trace.duration_ms)}</Fact>
        <Fact name="Tokens">
          {formatCompact(trace.prompt_tokens ?? 0)} read, {formatCompact(trace.completion_tokens ?? 0)} written
        </Fact>
        <Fact name="Began">
          <When at={trace.started_at} />
        </Fact>
        {trace.session_id !== null && (
          <Fact name="Session">
            <Id id={trace.session_id} href={to(`/sessions/${trace.session_id}`)} />
          </Fact>
        )}
        {trace.user_id !== null && (
          <Fact name="Person">
            <Who id={trace.user_id} href={to(`/people/${trace.user_id}`)} />
          </Fact>
        )}
        <Fact name="Trace">
          <Id id={trace.trace_id} />
        </Fact>
      </dl>
      {rows.length === 0 ? (
        <p class="empty">Nothing of it was told.</p>
      ) : (
        <section aria-label="Waterfall" class="waterfall">
          <p class="axis" aria-hidden="true">
            <span>0</span>
            <span>{formatMs(totalMs / 2)}</span>
            <span>{formatMs(totalMs)}</span>
          </p>
          <ol>
            {rows.map((row) => (
              <Span key={row.span.span_id} {...row} />
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

function Span({ span, depth, left, width, ms }: SpanRow) {
  const [open, setOpen] = useState(false);
  const failed = span.status === "error";
  const goesOn = span.end_time === null;
  return (
    <li>
      <button type="button" aria-expanded={open} class="span" onClick={() => setOpen(!open)}>
        <span class="label" style={{ paddingInlineStart: `${Math.min(depth, 8) * 0.9}rem` }}>
          {span.name}
          {failed && <span class="badge bad">error</span>}
        </span>
        <span class="track" aria-hidden="true">
          <span
            class={`bar ${failed ? "danger" : goesOn ? "warn" : "accent"}`}
            style={{ insetInlineStart: `${left}%`, inlineSize: `${width}%` }}
          />
        </span>
        <span class="took">{goesOn ? "open" : formatMs(ms)}</span>
      </button>
      {open && (
        <dl class="attributes">
          <Attribute name="kind" value={span.kind} />
          {Object.entries(span.attributes).map(([name, value]) => (
            <Attribute key={name} name={name} value={value} />
          ))}
          {span.events.map((event, index) => (
            <Attribute key={index} name={`event ${index + 1}`} value={event} />
          ))}
        </dl>
      )}
    </li>
  );
}

function Attribute({ name, value }: { name: string; value: unknown }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
    </div>
  );
}
