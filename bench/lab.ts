import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { migrateToLatest } from "../src/store/migrate.ts";
import { openPostgres } from "../src/store/postgres.ts";
import { databaseUrl, runStatement, startPostgres } from "../test/support/postgres.ts";
import type { PostgresServer } from "../test/support/postgres-server.ts";
import { Model } from "./model.ts";

export interface LabOptions {
  /** Rounds of what is measured against the floor, or varies much. */
  rounds: number;
  /** Small sizes, to see whether all is well. */
  quick: boolean;
  /** Say which statements were executed how often. */
  statements: boolean;
  /** For every process under measurement, `--cpu-prof` for instance. */
  nodeFlags: readonly string[];
}

const TEMPLATE = "bench_template";

export interface Statement {
  calls: number;
  meanMs: number;
  query: string;
}

/** What all scenarios share: a Postgres with fsync on, the fake model, a folder. One at a time uses it. */
export class Lab implements AsyncDisposable {
  readonly options: LabOptions;
  readonly postgres: PostgresServer;
  readonly model: Model;
  readonly folder: string;
  readonly #admin: Client;
  readonly #children = new Set<ChildProcess>();
  readonly #endAll = () => {
    for (const child of this.#children) child.kill("SIGKILL");
  };
  #databases = 0;

  private constructor(
    options: LabOptions,
    parts: { postgres: PostgresServer; model: Model; folder: string; admin: Client },
  ) {
    this.options = options;
    this.postgres = parts.postgres;
    this.model = parts.model;
    this.folder = parts.folder;
    this.#admin = parts.admin;
    process.once("exit", this.#endAll);
  }

  static async open(options: LabOptions): Promise<Lab> {
    const folder = await mkdtemp(path.join(tmpdir(), "parley-bench-"));
    const postgres = await startPostgres({
      fsync: true,
      settings: { shared_preload_libraries: "pg_stat_statements", shared_buffers: "256MB" },
    });
    await runStatement(postgres.url, "create extension pg_stat_statements");
    const admin = new Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query(`create database ${TEMPLATE}`);
    const template = openPostgres(databaseUrl(postgres.url, TEMPLATE), { info() {}, warn() {}, error() {} }, 1);
    await migrateToLatest(template.db);
    await template.close();
    return new Lab(options, { postgres, model: await Model.start(), folder, admin });
  }

  /** No process under measurement outlives the bench, however it ends. */
  owns(child: ChildProcess): void {
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
  }

  /** The URL of a new database that is migrated already, as at every start but the first. */
  async newDatabase(): Promise<string> {
    const name = `bench_${++this.#databases}`;
    await this.#admin.query(`create database ${name} template ${TEMPLATE}`);
    return databaseUrl(this.postgres.url, name);
  }

  async dropDatabase(url: string): Promise<void> {
    await this.#admin.query(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`);
  }

  /** What was executed in this database since the last call, BEGIN, COMMIT and polling among it. */
  async statementsSince(url: string): Promise<Statement[]> {
    const name = new URL(url).pathname.slice(1);
    const { rows } = await this.#admin.query<Statement>(
      `select s.calls::int, s.mean_exec_time as "meanMs", regexp_replace(s.query, '\\s+', ' ', 'g') as query
       from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = $1 order by s.calls desc`,
      [name],
    );
    await this.#admin.query("select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = $1", [name]);
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endAll();
    process.off("exit", this.#endAll);
    await this.model.close();
    await this.#admin.end();
    await this.postgres.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
