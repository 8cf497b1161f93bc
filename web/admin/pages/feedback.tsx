import { callApi } from "../../kit/api.ts";
import { showToast } from "../../kit/toast.tsx";
import { List, Nothing } from "../parts/data-table.tsx";
import { type Choice, Filters, SINCE, useAgentChoice } from "../parts/filters.tsx";
import { When } from "../parts/format.tsx";
import { asProblem, usePages, withQuery, wordsOf } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { to } from "../parts/route.ts";
import { Who } from "../parts/who.tsx";
import type { PageProps } from "../dashboard.tsx";

interface FeedbackJson {
  feedback_id: string;
  rating: 1 | -1;
  tags: string[];
  source: string;
  comment: string | null;
  correction: string | null;
  session_id: string | null;
  trace_id: string | null;
  user_id: string | null;
  agent_id: string | null;
  model_id: string | null;
  triage: Triage;
  created_at: string;
}
type Triage = "new" | "seen" | "done";

const TRIAGE: readonly (readonly [Triage, string])[] = [
  ["new", "New"],
  ["seen", "Looked at"],
  ["done", "Done"],
];
const CHOICES: Choice[] = [
  {
    name: "rating",
    label: "Rating",
    options: [
      ["", "All"],
      ["-1", "Thumbs down"],
      ["1", "Thumbs up"],
    ],
  },
  { name: "triage", label: "Triage", options: [["", "All"], ...TRIAGE] },
  {
    name: "source",
    label: "From",
    options: [
      ["", "All"],
      ["telegram", "Telegram"],
      ["slack", "Slack"],
      ["web", "Web"],
      ["api", "API"],
      ["llm_judge", "A model"],
    ],
  },
  {
    name: "has_comment",
    label: "Comment",
    options: [
      ["", "All"],
      ["true", "With"],
      ["false", "Without"],
    ],
  },
  SINCE,
];
const NAMES = ["q", "rating", "triage", "agent_id", "source", "has_comment", "since", "user_id", "session_id"];

export function Feedback({ query }: PageProps) {
  const filters = Object.fromEntries(NAMES.map((name) => [name, query.get(name)]));
  const list = usePages<FeedbackJson>(withQuery("/v1/feedback", filters), (answer, headers) => {
    return { rows: answer as FeedbackJson[], next: headers.get("x-next-cursor") };
  });
  const agents = useAgentChoice();
  const [ratings, ...others] = CHOICES;
  return (
    <>
      <Filters query={query} search="Words of a comment" choices={[ratings!, agents, ...others]} />
      <p class="actions start">
        <a class="button small" download href={withQuery("/v1/feedback/export", { ...filters, format: "csv" })}>
          Export as CSV
        </a>
      </p>
      <List
        list={list}
        empty={
          <Nothing query={query} fits="No feedback fits.">
            Nobody has rated an answer yet. People do so by the thumbs below answers, in chats and on the page.
          </Nothing>
        }
      >
        {(rows) => (
          <ul class="inbox" aria-label="Feedback">
            {rows.map((row) => (
              <Opinion key={row.feedback_id} opinion={row} reload={list.reload} />
            ))}
          </ul>
        )}
      </List>
    </>
  );
}

function Opinion({ opinion, reload }: { opinion: FeedbackJson; reload: () => void }) {
  const may = useMay();
  const down = opinion.rating === -1;
  const triage = async (value: string) => {
    try {
      await callApi("PATCH", `/v1/feedback/${opinion.feedback_id}`, { body: { triage: value } });
      showToast("Noted.");
    } catch (error) {
      showToast(wordsOf(asProblem(error)));
    }
    reload();
  };
  const words = TRIAGE.find(([value]) => value === opinion.triage)?.[1];
  return (
    <li class={opinion.triage === "done" ? "is-done" : ""}>
      <span class={`thumb ${down ? "bad" : "good"}`} role="img" aria-label={down ? "Thumbs down" : "Thumbs up"}>
        {down ? "−" : "+"}
      </span>
      <div class="opinion">
        <p class="words">
          {opinion.comment === null ? <span class="muted">No comment</span> : <bdi>{opinion.comment}</bdi>}
        </p>
        {opinion.correction !== null && (
          <p class="words correction">
            Better: <bdi>{opinion.correction}</bdi>
          </p>
        )}
        <p class="muted by">
          <span>
            {opinion.agent_id ?? "No agent"} · {opinion.source} · <When at={opinion.created_at} />
            {opinion.model_id !== null && ` · ${opinion.model_id}`}
          </span>
          {opinion.tags.map((tag) => (
            <span key={tag} class="badge quiet">
              {tag}
            </span>
          ))}
          {opinion.trace_id !== null && <a href={to(`/traces/${opinion.trace_id}`)}>Trace</a>}
          {opinion.session_id !== null && <a href={to(`/sessions/${opinion.session_id}`)}>Session</a>}
          {opinion.user_id !== null && <Who id={opinion.user_id} href={to(`/people/${opinion.user_id}`)} />}
        </p>
      </div>
      {may.act ? (
        <label>
          <span class="for-readers">Triage of {opinion.feedback_id}</span>
          <select class="field" value={opinion.triage} onChange={(event) => void triage(event.currentTarget.value)}>
            {TRIAGE.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
      ) : (
        <span class="badge quiet">{words}</span>
      )}
    </li>
  );
}
