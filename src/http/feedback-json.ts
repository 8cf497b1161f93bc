import { type Static, Type } from "typebox";
import type { Feedback, FeedbackFilter, FeedbackSums, Opinion } from "../store/feedback.ts";
import { readTime } from "./read-time.ts";

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const Time = Type.String({ format: "date-time" });
const Rating = Type.Union([Type.Literal(1), Type.Literal(-1)], { description: "1 = thumbs up, -1 = thumbs down" });
/** Those that the API may name; the others are the gateway's own. */
const NAMED = [Type.Literal("web"), Type.Literal("api"), Type.Literal("llm_judge")] as const;
const Source = Type.Union([Type.Literal("telegram"), Type.Literal("slack"), ...NAMED]);
const Triage = Type.Union([Type.Literal("new"), Type.Literal("seen"), Type.Literal("done")], {
  description: "How far operators are with it",
});
const Id = Type.String({ minLength: 1, maxLength: 128 });
const Words = Type.String({ maxLength: 10_000 });

/** What people write of an answer. Who it is from, and which agent it is about, comes from the key and the run. */
export const NewFeedbackJson = Type.Object(
  {
    rating: Rating,
    trace_id: Type.Optional(Id),
    session_id: Type.Optional(Id),
    run_id: Type.Optional(Id),
    message_id: Type.Optional(Type.String({ maxLength: 128, description: "Together with session_id or run_id" })),
    key: Type.Optional(
      Type.String({
        pattern: "^[a-zA-Z0-9_.-]{1,64}$",
        description: "What is rated of it; user_feedback unless given",
      }),
    ),
    source: Type.Optional(Type.Union([...NAMED])),
    score: Type.Optional(Type.Number()),
    tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 20 })),
    comment: Type.Optional(Words),
    correction: Type.Optional(Words),
    model_id: Type.Optional(Type.String({ maxLength: 200, description: "Where the run does not say it" })),
    latency_ms: Type.Optional(Type.Number({ minimum: 0 })),
    turn_index: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
    agent_type: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);

const DEFAULT_KEY = "user_feedback";

export function readOpinion(body: Static<typeof NewFeedbackJson>): Opinion {
  const { rating, key = DEFAULT_KEY, source = "api", score, tags, comment, correction } = body;
  const { model_id: model, latency_ms: latencyMs, turn_index: turnIndex, agent_type: agentType } = body;
  return {
    rating,
    key,
    source,
    ...(score === undefined ? {} : { score }),
    ...(tags === undefined ? {} : { tags }),
    ...(comment === undefined ? {} : { comment }),
    ...(correction === undefined ? {} : { correction }),
    ...(model === undefined ? {} : { model }),
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(turnIndex === undefined ? {} : { turnIndex }),
    ...(agentType === undefined ? {} : { agentType }),
  };
}

/** Null leaves a field as it is, "" clears it. */
export const ChangeJson = Type.Object(
  {
    rating: Type.Optional(Nullable(Rating)),
    comment: Type.Optional(Nullable(Words)),
    correction: Type.Optional(Nullable(Words)),
    triage: Type.Optional(Triage),
  },
  { additionalProperties: false },
);

export const FeedbackJson = Type.Object({
  feedback_id: Type.String(),
  rating: Rating,
  key: Type.String(),
  score: Nullable(Type.Number()),
  tags: Type.Array(Type.String()),
  source: Source,
  comment: Nullable(Type.String()),
  correction: Nullable(Type.String()),
  session_id: Nullable(Type.String()),
  run_id: Nullable(Type.String()),
  message_id: Nullable(Type.String()),
  trace_id: Nullable(Type.String()),
  user_id: Nullable(Type.String()),
  agent_id: Nullable(Type.String()),
  agent_type: Nullable(Type.String()),
  model_id: Nullable(Type.String()),
  card_version: Nullable(Type.String({ description: "Of the card that the run went by" })),
  latency_ms: Nullable(Type.Number()),
  turn_index: Nullable(Type.Integer()),
  triage: Triage,
  created_at: Time,
  updated_at: Time,
});

export function toFeedbackJson(row: Feedback): Static<typeof FeedbackJson> {
  return {
    feedback_id: row.id,
    rating: row.rating,
    key: row.key,
    score: row.score,
    tags: row.tags,
    source: row.source,
    comment: row.comment,
    correction: row.correction,
    session_id: row.sessionId,
    run_id: row.runId,
    message_id: row.messageId,
    trace_id: row.traceId,
    user_id: row.userId,
    agent_id: row.agent,
    agent_type: row.agentType,
    model_id: row.model,
    card_version: row.cardVersion,
    latency_ms: row.latencyMs,
    turn_index: row.turnIndex,
    triage: row.triage,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export const SumsJson = Type.Object({
  window_start: Time,
  window_end: Time,
  agent_id: Nullable(Type.String()),
  agent_type: Nullable(Type.String()),
  thumbs_up: Type.Integer(),
  thumbs_down: Type.Integer(),
  total: Type.Integer(),
});

export function toSumsJson(sums: FeedbackSums): Static<typeof SumsJson> {
  return {
    window_start: sums.windowStart.toISOString(),
    window_end: sums.windowEnd.toISOString(),
    agent_id: sums.agent,
    agent_type: sums.agentType,
    thumbs_up: sums.up,
    thumbs_down: sums.down,
    total: sums.up + sums.down,
  };
}

const when = { description: "ISO 8601, or how long ago: 30m, 12h, 7d, 2w", maxLength: 40 };

export const FILTERS = {
  rating: Type.Optional(Type.Union([Type.Literal("1"), Type.Literal("-1")])),
  agent_id: Type.Optional(Type.String({ maxLength: 200 })),
  agent_type: Type.Optional(Type.String({ maxLength: 200 })),
  source: Type.Optional(Source),
  user_id: Type.Optional(Id),
  session_id: Type.Optional(Id),
  run_id: Type.Optional(Id),
  trace_id: Type.Optional(Id),
  model_id: Type.Optional(Type.String({ maxLength: 200 })),
  has_comment: Type.Optional(Type.Union([Type.Literal("true"), Type.Literal("false")])),
  triage: Type.Optional(Triage),
  q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: "Words of a comment or a correction" })),
  since: Type.Optional(Type.String(when)),
  until: Type.Optional(Type.String(when)),
};
const Filters = Type.Object(FILTERS);

/** Throws `invalid`. */
export function readFilters(query: Static<typeof Filters>): FeedbackFilter {
  const { rating, agent_id, agent_type, source, user_id, session_id, run_id, trace_id, model_id, has_comment } = query;
  const { triage, q, since, until } = query;
  return {
    ...(rating === undefined ? {} : { rating: rating === "1" ? 1 : -1 }),
    ...(agent_id === undefined ? {} : { agent: agent_id }),
    ...(agent_type === undefined ? {} : { agentType: agent_type }),
    ...(source === undefined ? {} : { source }),
    ...(user_id === undefined ? {} : { user: user_id }),
    ...(session_id === undefined ? {} : { session: session_id }),
    ...(run_id === undefined ? {} : { run: run_id }),
    ...(trace_id === undefined ? {} : { trace: trace_id }),
    ...(model_id === undefined ? {} : { model: model_id }),
    ...(has_comment === undefined ? {} : { hasComment: has_comment === "true" }),
    ...(triage === undefined ? {} : { triage }),
    ...(q === undefined ? {} : { q }),
    ...(since === undefined ? {} : { since: readTime("since", since) }),
    ...(until === undefined ? {} : { until: readTime("until", until) }),
  };
}
