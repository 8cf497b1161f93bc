import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Badge, type Tone } from "../parts/badge.tsx";
import { Chart } from "../parts/chart.tsx";
import { Trouble, Waiting } from "../parts/data-table.tsx";
import { Filters, useAgentChoice } from "../parts/filters.tsx";
import { formatCompact, formatCount, formatMs, formatUsd } from "../parts/format.tsx";
import { useLoad, withQuery } from "../parts/load.ts";
import { to } from "../parts/route.ts";
import type { PageProps } from "../dashboard.tsx";
import type { PlatformJson } from "./platforms.tsx";

interface Sums {
  runs: number;
  completed: number;
  failed: number;
  cancelled: number;
  first_text_ms_p50: number | null;
  first_text_ms_p95: number | null;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  unpriced: boolean;
  thumbs_up: number;
  thumbs_down: number;
}
interface OverviewJson {
  bucket: "hour" | "day";
  total: Sums;
  points: (Sums & { at: string })[];
}

const SPANS = [
  ["", "Last day"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
  ["90d", "Last 90 days"],
] as const;
const REFRESH_MS = 15_000;

export function Overview({ query }: PageProps) {
  const agent = query.get("agent_id");
  const since = query.get("since") ?? "";
  const asked = { since: since || "1d", bucket: since === "" ? "hour" : "day", agent_id: agent };
  const { data, problem, reload } = useLoad<OverviewJson>(withQuery("/v1/overview", asked), REFRESH_MS);
  const agents = useAgentChoice();
  // What was plotted stays until there is something else to plot.
  const last = useRef<OverviewJson | null>(null);
  if (data) last.current = data;
  return (
    <>
      <Filters query={query} choices={[{ name: "since", label: "Time", options: SPANS }, agents]} />
      <Attention />
      {problem && <Trouble problem={problem} again={reload} />}
      {last.current?.total.runs === 0 && <NoAnswers agent={agent} />}
      {last.current ? <Charts {...last.current} /> : !problem && <Waiting />}
    </>
  );
}

function Charts({ total, points, bucket }: OverviewJson) {
  const at = points.map((point) => point.at);
  const of = (pick: (sums: Sums) => number | null) => points.map(pick);
  const ended = total.completed + total.failed;
  const votes = total.thumbs_up + total.thumbs_down;
  return (
    <div class="charts">
      <Chart
        title="Answers"
        headline={formatCount(total.runs)}
        note={`${formatCount(total.completed)} completed, ${formatCount(total.cancelled)} stopped, ${formatCount(total.failed)} failed`}
        unit="Answers"
        kind="bars"
        at={at}
        bucket={bucket}
        format={formatCompact}
        series={[
          { name: "completed", look: "accent", values: of((each) => each.completed) },
          { name: "stopped", look: "muted", values: of((each) => each.cancelled) },
          { name: "failed", look: "danger", values: of((each) => each.failed) },
        ]}
      />
      <Chart
        title="Time to first visible text"
        headline={formatMs(total.first_text_ms_p50)}
        note={
          total.first_text_ms_p50 === null
            ? "nothing was shown"
            : `is the median; 95 % begin within ${formatMs(total.first_text_ms_p95)}`
        }
        unit="Time"
        kind="lines"
        at={at}
        bucket={bucket}
        format={formatMs}
        series={[
          { name: "median", look: "accent", values: of((each) => each.first_text_ms_p50) },
          { name: "95th percentile", look: "warn", values: of((each) => each.first_text_ms_p95) },
        ]}
      />
      <Chart
        title="Errors"
        headline={share(total.failed, ended)}
        note={`${formatCount(total.failed)} of ${formatCount(ended)} answers failed`}
        unit="Answers"
        kind="bars"
        at={at}
        bucket={bucket}
        format={formatCompact}
        series={[{ name: "failed", look: "danger", values: of((each) => each.failed) }]}
      />
      <Chart
        title="Cost"
        headline={formatUsd(total.cost_usd)}
        note={`estimated by the models’ prices${total.unpriced ? "; some models have none and are left out" : ""}`}
        unit="US dollars"
        kind="bars"
        at={at}
        bucket={bucket}
        format={formatUsd}
        series={[{ name: "cost", look: "accent", values: of((each) => each.cost_usd) }]}
      />
      <Chart
        title="Tokens"
        unit="Tokens"
        headline={formatCompact(total.input_tokens + total.output_tokens)}
        note={`${formatCompact(total.input_tokens)} read, ${formatCompact(total.output_tokens)} written`}
        kind="bars"
        at={at}
        bucket={bucket}
        format={formatCompact}
        series={[
          { name: "read", look: "muted", values: of((each) => each.input_tokens) },
          { name: "written", look: "accent", values: of((each) => each.output_tokens) },
        ]}
      />
      <Chart
        title="Feedback"
        headline={share(total.thumbs_up, votes)}
        note={
          votes === 0
            ? "nobody has rated an answer"
            : `of ${formatCount(votes)} thumbs are up: ${formatCount(total.thumbs_up)} up, ${formatCount(total.thumbs_down)} down`
        }
        unit="Thumbs"
        kind="bars"
        at={at}
        bucket={bucket}
        format={formatCompact}
        series={[
          { name: "up", look: "good", values: of((each) => each.thumbs_up) },
          { name: "down", look: "danger", values: of((each) => each.thumbs_down) },
        ]}
      />
    </div>
  );
}

/** Of an empty gateway, or of a quiet time. */
function NoAnswers({ agent }: { agent: string | null }) {
  return (
    <p class="empty">
      {agent ? `${agent} has answered nobody` : "Nobody was answered"} in this time. Write to a bot or{" "}
      <a href="/">open the chat</a>; answers are counted here within seconds.
    </p>
  );
}

function share(part: number, whole: number): string {
  return whole === 0 ? "–" : `${((part / whole) * 100).toFixed(1)} %`;
}

function some(rows: object[]): string {
  return rows.length === 100 ? "100 or more" : String(rows.length);
}

/** What an operator should look at now, and where. */
function Attention() {
  const platforms = useLoad<{ platforms: PlatformJson[] }>("/v1/platforms", REFRESH_MS).data?.platforms;
  const pairings = useLoad<{ pairings: object[] }>("/v1/pairings?limit=100", REFRESH_MS).data?.pairings;
  const feedback = useLoad<object[]>("/v1/feedback?triage=new&rating=-1&since=30d&limit=100", REFRESH_MS).data;
  if (!platforms || !pairings || !feedback) return null;
  const deaf = platforms.filter(({ holder }) => holder === null);
  const troubled = platforms.reduce((sum, each) => sum + each.uncertain + each.failed, 0);
  const items: { is: boolean; tone: Tone; href: string; words: ComponentChildren }[] = [
    {
      is: deaf.length > 0,
      tone: "bad",
      href: to("/platforms"),
      words: `Nobody hears ${deaf.map(({ account }) => account).join(", ")}`,
    },
    { is: troubled > 0, tone: "warn", href: to("/deliveries"), words: `Posts uncertain or failed: ${troubled}` },
    { is: pairings.length > 0, tone: "live", href: to("/people"), words: `People ask to be let in: ${some(pairings)}` },
    {
      is: feedback.length > 0,
      tone: "warn",
      href: to("/feedback", { rating: "-1", triage: "new" }),
      words: `Thumbs down nobody has looked at: ${some(feedback)}`,
    },
  ];
  const open = items.filter(({ is }) => is);
  return (
    <section class="attention" aria-label="To look at">
      {open.length === 0 && <Badge tone="good">Nothing needs you</Badge>}
      {open.map(({ tone, href, words }) => (
        <a key={href} class={`badge ${tone}`} href={href}>
          {words}
        </a>
      ))}
    </section>
  );
}
