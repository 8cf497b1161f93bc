import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { childrenOf, sendSignal, waitUntilGone } from "./processes.ts";

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/** A Postgres of its own, reached over loopback TCP as the superuser `postgres` without a password. */
export interface PostgresServer {
  /** The database `postgres`; the port stays the same over restarts. */
  readonly url: string;
  /** The postmaster's; 0 while it is down. */
  readonly pid: number;
  /** Disconnects everybody, rolls back, ends, and removes all files. */
  stop(): Promise<void>;
  /** SIGKILL to the postmaster and every backend; resolves when all are gone. The data stays for `restart`. */
  kill(): Promise<void>;
  /** Immediate shutdown (as `pg_ctl -m immediate`) if it runs, then a start with crash recovery; resolves when ready. */
  restart(): Promise<void>;
  /** SIGSTOP to all its processes: connections are still taken by the kernel, and nobody answers. */
  freeze(): void;
  thaw(): void;
}

export interface PostgresOptions {
  /** true where a test judges what survives a crash; false for speed. */
  fsync: boolean;
  /** Further settings, as `{ max_connections: "20" }`. */
  settings?: Record<string, string>;
}

/** What a server is made of; `cluster` is its data folder, mostly inside `folder`; `stop` removes both. */
export interface PostgresParts {
  folder: string;
  cluster: string;
  binaries: PostgresBinaries;
  port: number;
  options: PostgresOptions;
  /** Told the postmaster's pid, 0 while there is none; see postgres-watchdog.ts. */
  watchdog: ChildProcess;
}

export class LocalPostgres implements PostgresServer {
  readonly #parts: PostgresParts;
  #postmaster: ChildProcess | undefined;

  constructor(parts: PostgresParts) {
    this.#parts = parts;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#parts.port}/postgres`;
  }

  get pid(): number {
    const child = this.#postmaster;
    return child?.pid !== undefined && !hasEnded(child) ? child.pid : 0;
  }

  async start(): Promise<void> {
    const { folder, cluster, binaries, port, options } = this.#parts;
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      max_connections: "200",
      fsync: options.fsync ? "on" : "off",
      full_page_writes: options.fsync ? "on" : "off",
      ...options.settings,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(binaries.postgres, ["-D", cluster, "-p", String(port), ...flags], {
      ...binaries.runAs,
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#postmaster = child;
    this.#parts.watchdog.stdin?.write(`${child.pid ?? 0}\n`);
    await untilReady(child);
  }

  async stop(): Promise<void> {
    const pid = this.pid;
    if (pid > 0) {
      this.thaw();
      sendSignal(pid, "SIGINT"); // fast shutdown
      if (!(await waitUntilGone([pid], STOP_TIMEOUT_MS))) await this.kill();
    }
    for (const folder of [this.#parts.folder, this.#parts.cluster])
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    this.#parts.watchdog.stdin?.end("0\n");
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.#end("SIGQUIT");
    await this.start();
  }

  freeze(): void {
    const pid = this.pid;
    sendSignal(pid, "SIGSTOP"); // first, so that no backend is born while the list is walked
    for (const child of childrenOf(pid)) sendSignal(child, "SIGSTOP");
  }

  thaw(): void {
    const pid = this.pid;
    for (const child of childrenOf(pid)) sendSignal(child, "SIGCONT");
    sendSignal(pid, "SIGCONT");
  }

  /** The backends are waited for as well: a new postmaster refuses to start beside survivors of the old one. */
  async #end(signal: "SIGKILL" | "SIGQUIT"): Promise<void> {
    const pid = this.pid;
    if (pid === 0) return;
    if (signal === "SIGKILL") sendSignal(pid, "SIGSTOP");
    const all = [pid, ...childrenOf(pid)];
    if (signal === "SIGQUIT") this.thaw();
    for (const target of signal === "SIGKILL" ? all : [pid]) sendSignal(target, signal);
    if (!(await waitUntilGone(all, STOP_TIMEOUT_MS))) throw new Error(`Postgres ${pid} survived ${signal}`);
    await reaped(this.#postmaster);
    this.#parts.watchdog.stdin?.write("0\n");
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A process is dead a moment before its parent knows; a restart in between would take the dead one for alive. */
async function reaped(child: ChildProcess | undefined): Promise<void> {
  if (child && !hasEnded(child)) await once(child, "exit");
}

/** stderr is read to its end all the time, because a full pipe would block every backend. */
function untilReady(child: ChildProcess): Promise<void> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Postgres ${why}\n${lines.join("\n")}`));
    const timer = setTimeout(() => fail("was not ready in time"), START_TIMEOUT_MS);
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    child.once("exit", () => {
      clearTimeout(timer);
      fail("ended before it was ready");
    });
    if (!child.stderr) return;
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      if (!line.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
