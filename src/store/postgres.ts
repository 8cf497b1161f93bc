import { createHash } from "node:crypto";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from "kysely";
import { Client, Pool, type PoolClient, types as pgTypes } from "pg";
import type { Log } from "../platform/platform-adapter.ts";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { rootGuard } from "./transaction.ts";

const CONNECT_MS = 3_000;
const STATEMENT_MS = 8_000;
/** Above STATEMENT_MS: it only fires when the server does not answer at all. */
const QUERY_MS = 10_000;
/** A transaction awaits nothing but the database. One that stands still holds locks; it ends while leases still hold. */
const IDLE_MS = 3_000;
const GOODBYE_MS = 500;
const CHANNEL = "parley";

/** int8 as number: seq, arrival_no and counters stay far below 2^53. */
const types: typeof pgTypes = Object.assign(Object.create(pgTypes) as typeof pgTypes, {
  getTypeParser: ((oid: Parameters<typeof pgTypes.getTypeParser>[0], format: "text") =>
    oid === pgTypes.builtins.INT8 ? Number : pgTypes.getTypeParser(oid, format)) as typeof pgTypes.getTypeParser,
});

/** `patient`: no deadline for statements, for migrations, which may take long or wait for another replica's. */
export function openPostgres(url: string, log: Log, max = 10, patient = false): Database {
  const pool = new Pool({
    connectionString: url,
    max,
    types,
    connectionTimeoutMillis: CONNECT_MS,
    ...(patient
      ? {}
      : {
          query_timeout: QUERY_MS,
          statement_timeout: STATEMENT_MS,
          idle_in_transaction_session_timeout: IDLE_MS,
        }),
    keepAlive: true,
    application_name: "parley",
  });
  // An idle connection that breaks would otherwise end the process,
  pool.on("error", (error) => log.warn({ err: error }, "an idle database connection broke"));
  // and so would one between two statements of a transaction, whose next statement fails then.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: guarded(pool) }) }).withPlugin(rootGuard);
  return {
    kind: "postgres",
    db,
    listen: (onHint, signal) => listen(url, onHint, log, signal),
    pool: () => ({ inUse: pool.totalCount - pool.idleCount, waiting: pool.waitingCount }),
    close: () => db.destroy(),
  };
}

const MAX_NAMES = 400;

/** Names each statement, so that it is parsed and planned once per connection; ours are a fixed set. */
function namer(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MAX_NAMES) return known;
    const name = `p_${createHash("sha1").update(text).digest("hex")}`;
    names.set(text, name);
    return name;
  };
}

/** What a transaction on behalf of a caller begins with, see reach.ts. */
const AS_CALLER = /^select set_config\('role'/;
const UNNAMED = /^(begin|commit|rollback|start transaction|set |create |alter |drop |listen )/i;

/**
 * A connection whose query timed out or broke is in an unknown state, maybe inside a transaction: it is closed instead
 * of going back into the pool.
 */
function guarded(pool: Pool): PostgresPool {
  const nameOf = namer();
  return { connect: async () => watched(await pool.connect(), nameOf), end: () => pool.end() } as PostgresPool;
}

function watched(client: PoolClient, nameOf: (text: string) => string | undefined): PostgresPoolClient {
  let broken: Error | undefined;
  // The server plans a statement anew for another role, so each role has its own plans.
  let role = "";
  return {
    query: async (text: string, values: readonly unknown[]) => {
      if (broken) throw broken; // above all a rollback: it would wait behind the query that hangs
      const name = UNNAMED.test(text) ? undefined : nameOf(text);
      if (AS_CALLER.test(text)) role = "_c";
      try {
        return await client.query({ text, values: [...values], ...(name ? { name: name + role } : {}) });
      } catch (error) {
        // A refused statement has a five-character SQLSTATE of its own class; everything else is doubt. 25006: this
        // server has become a standby, the primary is reached by connecting anew; 25P03, 25P04: the session was ended.
        const state = error instanceof Error && "code" in error ? String(error.code) : "";
        const refused = /^(2[0-9A-Z]...|4[0-9A-Z]...|5[345]...|P0...)$/.test(state) && !/^25(006|P0[34])$/.test(state);
        if (!refused) broken = error as Error;
        throw error;
      }
    },
    release: (discard?: boolean) => client.release(broken ?? discard),
  } as unknown as PostgresPoolClient;
}

/** Keeps one LISTEN connection until the abort. Hints may be lost at any time: polling is the truth. */
async function listen(url: string, onHint: (payload: string) => void, log: Log, signal: AbortSignal): Promise<void> {
  let pauseMs = 200;
  while (!signal.aborted) {
    const socket = new Socket();
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: QUERY_MS,
      keepAlive: true,
      stream: () => socket,
    });
    const lost = Promise.withResolvers<void>();
    client.on("error", () => lost.resolve());
    client.on("end", () => lost.resolve());
    client.on("notification", (message) => onHint(message.payload ?? ""));
    const stop = () => lost.resolve();
    signal.addEventListener("abort", stop, { once: true });
    const listening = client.connect().then(() => client.query(`listen ${CHANNEL}`));
    try {
      await Promise.race([listening, lost.promise]);
      pauseMs = 200;
      await lost.promise;
    } catch (error) {
      log.warn({ err: error }, "no database hints for now; polling goes on");
    } finally {
      signal.removeEventListener("abort", stop);
      listening.catch(() => undefined);
      // A server that does not answer does not say goodbye either.
      await Promise.race([client.end(), sleep(GOODBYE_MS, undefined, { ref: false })]).catch(() => undefined);
      socket.destroy();
    }
    if (!signal.aborted) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, 5_000);
  }
}
