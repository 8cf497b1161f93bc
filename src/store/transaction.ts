import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely, KyselyPlugin, Transaction } from "kysely";
import { GatewayError } from "../errors.ts";
import type { Schema } from "./schema.ts";

const inTransaction = new AsyncLocalStorage<true>();

/** On PGlite a query of the root connection inside a transaction waits for itself for ever; so it throws, everywhere. */
export const rootGuard: KyselyPlugin = {
  transformQuery({ node }) {
    if (inTransaction.getStore()) throw new Error("the root connection is used inside a transaction");
    return node;
  },
  transformResult: async ({ result }) => result,
};

const RETRY_AFTER_MS = [20, 100, 400];

/**
 * Serialisation failures, dead-locks, and connections that broke, cannot be made or are being shut down. 0A000 is what
 * a plan made before a migration gives: its connection is given up, and the next one plans anew. 25P03 and 25P04 end
 * the transactions of a process that stood still.
 */
export function isRetryable(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(40001|40P01|08...|57P0.|25006|25P0[34]|0A000)$/.test(code)) return true;
  if (SYSTEM_ERROR.test(code)) return true;
  return (
    error instanceof Error && /connection terminated|timeout exceeded when trying|not queryable/i.test(error.message)
  );
}

/** errno(3), not Node's own ERR_…: the network, or the name of the server. */
const SYSTEM_ERROR = /^E(?!RR_)[A-Z0-9_]+$/;

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

/**
 * What callers see of a database error: `unavailable` when waiting helps (down, full, slow, locked out), the error
 * itself for bugs and for input that the database refuses.
 */
export function translate(error: unknown): unknown {
  if (error instanceof GatewayError) return error;
  const outOfOrder = isRetryable(error) || /^(28...|3D...|53...|57...|58...|55P03)$/.test(codeOf(error));
  const slow = error instanceof Error && /query read timeout|query timeout/i.test(error.message);
  if (!outOfOrder && !slow) return error;
  return new GatewayError("unavailable", "The service cannot reach its database just now.", { cause: error });
}

/**
 * Runs `work`, which must be repeatable, again after a passing database error; then rejects `unavailable`.
 * For single statements; several belong into `withTransaction`.
 */
export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let round = 0; ; round++) {
    try {
      return await work();
    } catch (error) {
      const pause = RETRY_AFTER_MS[round];
      if (pause === undefined || !isRetryable(error)) throw translate(error);
      await sleep(pause * (0.5 + Math.random()));
    }
  }
}

/**
 * One transaction, repeated on passing errors: `work` may run several times and awaits nothing but the database.
 * Nested use throws. Rejects `unavailable` when the database stays away.
 */
export async function withTransaction<T>(
  db: Kysely<Schema>,
  work: (trx: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  if (inTransaction.getStore()) throw new Error("a transaction inside a transaction");
  const base = db.withoutPlugins();
  return retrying(() => base.transaction().execute((trx) => inTransaction.run(true, () => work(trx))));
}
