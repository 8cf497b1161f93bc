import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

/** The one store of a gateway: Postgres, or PGlite inside this process. */
export interface Database {
  readonly kind: "postgres" | "embedded";
  readonly db: Kysely<Schema>;
  /** Delivers the payloads of other processes' hints until the abort; absent when there are no other processes. */
  listen?(onHint: (payload: string) => void, signal: AbortSignal): Promise<void>;
  /** How busy its connections are; absent where there is only one. */
  pool?(): { inUse: number; waiting: number };
  close(): Promise<void>;
}
