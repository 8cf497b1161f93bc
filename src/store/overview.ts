import { sql } from "kysely";
import type { Db } from "./schema.ts";

export interface OverviewFilter {
  since: Date;
  until: Date;
  bucket: "hour" | "day";
  /** Null = of all agents. */
  agent: string | null;
}

/** Runs, by when their first message was accepted. */
export interface AnswerSums {
  /** When the bucket begins, in UTC; null = all of them together. */
  at: Date | null;
  runs: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** From a message's acceptance to the first words of its answer, half and 95 % of them, in ms; null = none were seen. */
  first_text: [half: number, most: number] | null;
}

/** What runs used, by when they ended. */
export interface UsedSums {
  at: Date | null;
  input_tokens: number;
  output_tokens: number;
  micros: number;
  /** Some of it has no price. */
  unpriced: boolean;
}

export interface ThumbSums {
  at: Date | null;
  up: number;
  down: number;
}

export interface Overview {
  answers: AnswerSums[];
  used: UsedSums[];
  thumbs: ThumbSums[];
}

/** How the gateway did over time. What never happened in a bucket has no row; all together always has one. */
export async function readOverview(db: Db, filter: OverviewFilter): Promise<Overview> {
  const { since, until, bucket, agent } = filter;
  const start = (column: string) => sql`date_trunc(${bucket}::text, ${sql.ref(column)}, 'UTC')`;
  const within = (column: string) =>
    sql`${sql.ref(column)} >= ${since}::timestamptz and ${sql.ref(column)} < ${until}::timestamptz
        ${agent === null ? sql`` : sql`and agent = ${agent}`}`;
  const both = sql`group by grouping sets ((at), ())`;

  const answers = await sql<AnswerSums>`
    select at, count(*) as runs, count(*) filter (where status = 'ok') as completed,
           count(*) filter (where status = 'error') as failed, count(*) filter (where status = 'cancelled') as cancelled,
           percentile_cont(array[0.5, 0.95]) within group (order by first_text) as first_text
    from (select ${start("started_at")} as at, status,
                 (extract(epoch from first_shown_at - started_at) * 1000)::float8 as first_text
          from traces where ${within("started_at")} and run_id is not null) t ${both}`.execute(db);
  const used = await sql<UsedSums>`
    select at, coalesce(sum(input_tokens), 0)::bigint as input_tokens,
           coalesce(sum(output_tokens), 0)::bigint as output_tokens, coalesce(sum(cost_micros), 0)::bigint as micros,
           coalesce(bool_or(cost_micros is null), false) as unpriced
    from (select ${start("at")} as at, input_tokens, output_tokens, cost_micros
          from run_usage where ${within("at")}) u ${both}`.execute(db);
  const thumbs = await sql<ThumbSums>`
    select at, count(*) filter (where rating = 1) as up, count(*) filter (where rating = -1) as down
    from (select ${start("created_at")} as at, rating from feedback where ${within("created_at")}) f ${both}`.execute(
    db,
  );
  return { answers: answers.rows, used: used.rows, thumbs: thumbs.rows };
}
