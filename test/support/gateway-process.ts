import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";

/** As `npm start` starts it. */
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const COMPILE_CACHE = new URL("../../src/compile-cache.js", import.meta.url).href;
export const ADMIN_KEY = "test-admin-key-of-at-least-24-characters";

export interface GatewayProcessOptions {
  /** Absent = the embedded database in `dataDir`. */
  databaseUrl?: string;
  dataDir?: string;
  env?: Record<string, string>;
  port?: number;
  /** Wait for /readyz; true unless given. */
  waitReady?: boolean;
}

/** Whatever ends the tests, no gateway outlives them. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** One gateway as its users run it: `node src/main.ts` with an environment of its own. */
export class GatewayProcess {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Epoch milliseconds of its spawn. */
  readonly spawnedAt = Date.now();
  readonly #child: ChildProcess;
  readonly #output: string[] = [];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(child: ChildProcess, port: number, dataDir: string) {
    this.#child = child;
    this.port = port;
    this.dataDir = dataDir;
    this.url = `http://127.0.0.1:${port}`;
    child.stdout?.on("data", (chunk: Buffer) => this.#output.push(chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => this.#output.push(chunk.toString()));
    alive.add(child);
    this.exited = new Promise((resolve) =>
      child.on("exit", (code, signal) => {
        alive.delete(child);
        resolve({ code, signal });
      }),
    );
  }

  static async start(options: GatewayProcessOptions): Promise<GatewayProcess> {
    const port = options.port ?? (await freePort());
    const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "parley-data-")));
    const child = spawn(process.execPath, ["--max-semi-space-size=4", "--import", COMPILE_CACHE, MAIN], {
      env: {
        PATH: process.env["PATH"],
        PORT: String(port),
        DATA_DIR: dataDir,
        ADMIN_API_KEY: ADMIN_KEY,
        ACCESS: "open",
        ...(options.databaseUrl ? { DATABASE_URL: options.databaseUrl } : {}),
        ...options.env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const started = new GatewayProcess(child, port, dataDir);
    if (options.waitReady ?? true) {
      await started.ready().catch(async (error: unknown) => {
        await started.kill();
        throw error;
      });
    }
    return started;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to stdout and stderr. */
  get output(): string {
    return this.#output.join("");
  }

  /** Resolves when /readyz answers 200; rejects with the output when the process ends or the time is over. */
  async ready(timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      if (!this.running) throw new Error(`the gateway ended at its start:\n${this.output}`);
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the gateway was not ready within ${timeoutMs} ms:\n${this.output}`);
  }

  /** A call of its API, as the admin for `user`. */
  async api(method: string, route: string, body?: object, user = "ann"): Promise<{ status: number; body: any }> {
    const answer = await fetch(`${this.url}${route}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        "parley-user": user,
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** SIGTERM, and what it exits with; SIGKILL after the deadline. */
  async terminate(timeoutMs = 40_000): Promise<number | null> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), timeoutMs);
    const { code } = await this.exited;
    clearTimeout(timer);
    return code;
  }

  async removeData(): Promise<void> {
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
