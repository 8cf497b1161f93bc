const DAY_MS = 86_400_000;

/** Until budgets begin anew, at 00:00 UTC; at least one. For people: what counts is the database's clock. */
export function hoursLeft(nowMs = Date.now()): number {
  return Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 3_600_000);
}
