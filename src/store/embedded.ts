import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import type { PGlite } from "@electric-sql/pglite";
import { Kysely, PGliteDialect } from "kysely";
import { lockDataDir } from "./data-dir.ts";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { rootGuard } from "./transaction.ts";

/** PGlite's memory is this process's: with Postgres's default of 128 MB it takes 145 MB more (measured), for nothing. */
const SHARED_BUFFERS = "16MB";

/**
 * PGlite in `dataDir`: one process at a time (a second one rejects with `conflict`), survives kill -9, not a power cut.
 */
export async function openEmbedded(dataDir: string): Promise<Database> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDataDir(dataDir);
  try {
    const pglite = await createPglite({ dataDir: path.join(dataDir, "pglite") });
    const db = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }) }).withPlugin(rootGuard);
    return {
      kind: "embedded",
      db,
      async close() {
        await db.destroy();
        if (!pglite.closed) await pglite.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** PGlite as a small process can bear it, with int8 as numbers; in memory without a `dataDir`. */
export async function createPglite(options: { dataDir?: string; loadDataDir?: Blob }): Promise<PGlite> {
  // A gateway with a Postgres of its own does not load it (9 MB).
  const { PGlite: Engine } = await import("@electric-sql/pglite");
  // V8's optimising compiler needs 500 MB at its peak for PGlite's 9 MB of WebAssembly, and a small bot's statements are
  // no faster for it (measured: 0.11 ms an insert with it, 0.12 ms without, and half the start).
  setFlagsFromString("--no-wasm-tier-up");
  setFlagsFromString("--no-wasm-dynamic-tiering");
  return Engine.create({
    ...options,
    parsers: { 20: Number },
    startParams: [...Engine.defaultStartParams, "-c", `shared_buffers=${SHARED_BUFFERS}`],
  });
}
