import { sql } from "kysely";
import { cleanText } from "./json.ts";
import type { Attempt } from "./run-levels.ts";
import type { Db } from "./schema.ts";

export interface Compaction {
  /** Stands for every message with a lower `seq`. */
  firstKeptSeq: number;
  summary: string;
  tokensBefore: number;
  tokensAfter: number;
  /** "" = the gateway's default. */
  model: string;
}

/**
 * Keeps a summary, while the attempt is the run's. The messages stay; another run's summary of as many is left as it is,
 * because prompts already begin with it. False = the attempt is over.
 */
export async function keepCompaction(db: Db, run: Attempt, made: Compaction): Promise<boolean> {
  const { rows } = await sql<{ mine: boolean }>`
    with mine as (
      select r.session_id, r.id from runs r
      where r.session_id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      for share of r
    ), kept as (
      insert into compactions (session_id, first_kept_seq, summary, tokens_before, tokens_after, model, run_id)
      select session_id, ${made.firstKeptSeq}::bigint, ${cleanText(made.summary)}::text, ${made.tokensBefore}::int,
             ${made.tokensAfter}::int, ${made.model}::text, id
      from mine
      on conflict (session_id, first_kept_seq) do nothing
    )
    select exists (select from mine) as mine`.execute(db);
  return rows[0]!.mine;
}
