import { sql } from "kysely";
import type { Root } from "./schema.ts";

const WINDOW_MS = 60_000;

/** What came of asking for calls: so many may be made, or how long to wait until one may. */
export type CallGrant = { calls: number } | { retryAfterMs: number };

/**
 * Takes up to `batch` calls out of `perMinute`, which all replicas share: as many as a minute has at once, and then as
 * they come back (GCRA: the row says until when all that was taken is paid for).
 */
export async function takeCalls(db: Root, scope: string, perMinute: number, batch: number): Promise<CallGrant> {
  const stepMs = WINDOW_MS / perMinute;
  for (const calls of new Set([batch, 1])) {
    const { rows } = await sql`
      insert into api_rates as r (scope, paid_at)
      values (${scope}, now() + ${calls * stepMs}::float8 * interval '1 millisecond')
      on conflict (scope) do update
        set paid_at = greatest(r.paid_at, now()) + ${calls * stepMs}::float8 * interval '1 millisecond'
        where r.paid_at + ${calls * stepMs}::float8 * interval '1 millisecond'
              <= now() + ${WINDOW_MS + 1}::float8 * interval '1 millisecond'
      returning 1`.execute(db);
    if (rows.length > 0) return { calls };
  }
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from paid_at - now()) * 1000 + ${stepMs - WINDOW_MS}::float8)::float8 as ms
    from api_rates where scope = ${scope}`.execute(db);
  return { retryAfterMs: Math.max(1, rows[0]?.ms ?? stepMs) };
}
