import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { type Overview, readOverview } from "../store/overview.ts";
import { accountStates, replicaStates } from "../store/platform-states.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import type { Api } from "./api.ts";
import { readTime, When } from "./read-time.ts";
import type { Readiness } from "./readiness.ts";

const BUCKET_MS = { hour: 3_600_000, day: 86_400_000 } as const;
/** A month of hours, two years of days. */
const MAX_POINTS = 750;

const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const Time = Type.String({ format: "date-time" });
const Count = Type.Integer();
const Milliseconds = Maybe(Type.Number({ description: "From a message's acceptance to its answer's first words" }));

const SumsJson = {
  runs: Type.Integer({ description: "Those under way among them" }),
  completed: Count,
  failed: Count,
  cancelled: Count,
  first_text_ms_p50: Milliseconds,
  first_text_ms_p95: Milliseconds,
  input_tokens: Count,
  output_tokens: Count,
  cost_usd: Type.Number({ description: "Of what has a price" }),
  unpriced: Type.Boolean({ description: "Some of it has none" }),
  thumbs_up: Count,
  thumbs_down: Count,
};
const PointJson = Type.Object({ at: Type.String({ format: "date-time", description: "In UTC" }), ...SumsJson });
const OverviewJson = Type.Object({
  since: Time,
  until: Time,
  bucket: Type.String(),
  total: Type.Object(SumsJson),
  points: Type.Array(PointJson),
});

const PlatformJson = Type.Object({
  account: Type.String(),
  platform: Type.String(),
  state: Type.String({
    description:
      "This replica's: connecting, standing by, taking in, in trouble, refused (its token), or unknown (not set up here)",
  }),
  holder: Maybe(Type.String({ description: "The replica that takes in its updates; null = nobody hears it" })),
  heard_at: Maybe(Type.String({ format: "date-time", description: "null = nothing came within a day" })),
  waiting: Type.Integer({ description: "Messages that wait for their turn" }),
  waiting_since: Maybe(Time),
  due: Type.Integer({ description: "Pages that are still to be shown" }),
  due_since: Maybe(Time),
  uncertain: Count,
  failed: Count,
  answers: Type.Integer({ description: "Under way, on all replicas" }),
  paused_ms: Type.Number({ description: "For how long the platform wants no calls of some kind" }),
});
const ReplicaJson = Type.Object({
  replica: Type.String(),
  host: Type.String(),
  pid: Count,
  seen_at: Time,
  answers: Count,
  edits: Type.Record(Type.String(), Type.Integer(), {
    description: "By which version of each card's file, and of places, it goes; not named = by the file",
  }),
});

/** How the gateway does, for operators. */
export function overviewRoutes(app: Api, db: Root, readiness: () => Promise<Readiness>): void {
  app.route({
    method: "GET",
    url: "/v1/overview",
    config: { scope: "metrics:read" },
    schema: {
      summary: "Read answers, time to the first words, errors, cost and feedback per hour or day (UTC), oldest first",
      querystring: Type.Object(
        {
          since: Type.Optional(When),
          until: Type.Optional(When),
          bucket: Type.Optional(Type.Union([Type.Literal("hour"), Type.Literal("day")])),
          agent_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        },
        { additionalProperties: false },
      ),
      response: { 200: OverviewJson },
    },
    handler: async (request) => {
      const { since = "1d", until, bucket = "hour", agent_id: agent = null } = request.query;
      const step = BUCKET_MS[bucket];
      const to = until === undefined ? new Date() : readTime("until", until);
      // Whole buckets: a first one that is half would look like a bad hour.
      const from = new Date(Math.floor(readTime("since", since).getTime() / step) * step);
      const count = Math.ceil((to.getTime() - from.getTime()) / step);
      if (count < 1) throw new GatewayError("invalid", "since must be before until.");
      if (count > MAX_POINTS) {
        throw new GatewayError(
          "invalid",
          `That is more than ${MAX_POINTS} points: ask for days, or for a later since.`,
        );
      }
      const filter = { since: from, until: to, bucket, agent };
      const overview = await withReach(db, { kind: "all" }, (trx) => readOverview(trx, filter));
      return {
        since: from.toISOString(),
        until: to.toISOString(),
        bucket,
        total: sumsOf(overview, null),
        points: Array.from({ length: count }, (_, index) => {
          const at = from.getTime() + index * step;
          return { at: new Date(at).toISOString(), ...sumsOf(overview, at) };
        }),
      };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/platforms",
    config: { scope: "metrics:read" },
    schema: {
      summary: "List the bots: who hears them, when they last said something, what waits; and how the replicas do",
      response: {
        200: Type.Object({
          ready: Type.Boolean({ description: "This replica's, as /readyz has it" }),
          checks: Type.Record(Type.String(), Type.String()),
          platforms: Type.Array(PlatformJson),
          replicas: Type.Array(ReplicaJson),
        }),
      },
    },
    handler: async () => {
      const { ready, checks } = await readiness();
      const all = { kind: "all" } as const;
      const accounts = await withReach(db, all, accountStates);
      const replicas = await withReach(db, all, replicaStates);
      return {
        ready,
        checks,
        platforms: accounts.map((account) => ({
          ...account,
          state: checks[account.platform] ?? "unknown",
          heard_at: time(account.heard_at),
          waiting_since: time(account.waiting_since),
          due_since: time(account.due_since),
        })),
        replicas: replicas.map(({ id, seen_at: at, ...replica }) => {
          return { replica: id, ...replica, seen_at: at.toISOString() };
        }),
      };
    },
  });
}

function time(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}

function sumsOf({ answers, used, thumbs }: Overview, at: number | null): Omit<Static<typeof PointJson>, "at"> {
  const of = <T extends { at: Date | null }>(rows: T[]) => rows.find((row) => (row.at?.getTime() ?? null) === at);
  const runs = of(answers);
  const tokens = of(used);
  const votes = of(thumbs);
  return {
    runs: runs?.runs ?? 0,
    completed: runs?.completed ?? 0,
    failed: runs?.failed ?? 0,
    cancelled: runs?.cancelled ?? 0,
    first_text_ms_p50: runs?.first_text?.[0] ?? null,
    first_text_ms_p95: runs?.first_text?.[1] ?? null,
    input_tokens: tokens?.input_tokens ?? 0,
    output_tokens: tokens?.output_tokens ?? 0,
    cost_usd: (tokens?.micros ?? 0) / 1e6,
    unpriced: tokens?.unpriced ?? false,
    thumbs_up: votes?.up ?? 0,
    thumbs_down: votes?.down ?? 0,
  };
}
