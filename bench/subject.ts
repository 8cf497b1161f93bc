import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";
import type { FakeTelegram } from "../test/fakes/telegram/fake-telegram.ts";
import type { Lab } from "./lab.ts";
import { cpuMs, memoryMb } from "./proc.ts";

const ENTRIES = {
  floor: fileURLToPath(new URL("./floor-bot.ts", import.meta.url)),
  ours: fileURLToPath(new URL("../src/main.ts", import.meta.url)),
  slots: fileURLToPath(new URL("./slots-gateway.ts", import.meta.url)),
};
const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Those of `npm start`. */
const START_FLAGS = (JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as Package).scripts.start
  .split(" ")
  .slice(1, -1)
  .filter((flag) => !flag.startsWith("--env-file"));
const ADMIN_KEY = "bench-admin-key-of-at-least-24-characters";
const READY_EVERY_MS = 5;
const READY_WITHIN_MS = 60_000;
const END_WITHIN_MS = 30_000;

interface Package {
  scripts: { start: string };
}

export interface SubjectOptions {
  /** Absent = Telegram is off. */
  telegram?: FakeTelegram;
  /** Absent = the embedded database in `dataDir`. */
  databaseUrl?: string;
  /** Absent = a new one, removed with the subject. */
  dataDir?: string;
  /** Runs at once; absent = as shipped. */
  slots?: number;
  env?: Record<string, string>;
}

/** A process under measurement: the floor, or a gateway as its users run it. */
export class Subject {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** From its spawn to its first good answer to /readyz (of the floor: to its first poll), in ms. */
  readyMs = Number.NaN;
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #ownData: boolean;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, parts: { url: string; dataDir: string; log: string; ownData: boolean }) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.url = parts.url;
    this.dataDir = parts.dataDir;
    this.#log = parts.log;
    this.#ownData = parts.ownData;
    this.#ended = once(child, "exit");
  }

  static async floor(lab: Lab, telegram: FakeTelegram): Promise<Subject> {
    const subject = await Subject.#spawn(lab, [ENTRIES.floor], { telegram });
    await subject.#until(() => Promise.resolve(telegram.polling()));
    return subject;
  }

  /** Ready, unless `waitReady` is false. */
  static async ours(lab: Lab, options: SubjectOptions, waitReady = true): Promise<Subject> {
    const entry = options.slots === undefined ? [ENTRIES.ours] : [ENTRIES.slots, String(options.slots)];
    const subject = await Subject.#spawn(lab, [...START_FLAGS, ...entry], options);
    if (waitReady) await subject.ready();
    return subject;
  }

  static async #spawn(lab: Lab, args: string[], options: SubjectOptions): Promise<Subject> {
    const { telegram, databaseUrl } = options;
    const port = await freePort();
    const dataDir = options.dataDir ?? (await mkdtemp(path.join(lab.folder, "data-")));
    const log = path.join(lab.folder, `subject-${port}.log`);
    const output = openSync(log, "a");
    const child = spawn(process.execPath, [...lab.options.nodeFlags, ...args], {
      env: {
        PATH: process.env["PATH"],
        PORT: String(port),
        DATA_DIR: dataDir,
        ADMIN_API_KEY: ADMIN_KEY,
        ACCESS: "open",
        OPENAI_API_KEY: "sk-bench-key",
        OPENAI_BASE_URL: lab.model.url,
        ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
        ...(telegram && { TELEGRAM_BOT_TOKEN: telegram.token, TELEGRAM_API_ROOT: telegram.url }),
        TELEGRAM_CALLS_PER_SECOND: "1000",
        ...options.env,
      },
      stdio: ["ignore", output, output],
      cwd: ROOT,
    });
    closeSync(output);
    lab.owns(child);
    const parts = { url: `http://127.0.0.1:${port}`, dataDir, log, ownData: options.dataDir === undefined };
    return new Subject(child, parts);
  }

  async ready(): Promise<void> {
    await this.#until(async () => (await fetch(`${this.url}/readyz`).catch(() => null))?.status === 200);
  }

  get cpuMs(): number {
    return cpuMs(this.pid);
  }

  memoryMb(field: "VmRSS" | "VmHWM"): number {
    return memoryMb(this.pid, field);
  }

  /** A call of its API for a user of the bench; rejects for any answer but 2xx. */
  async api(method: string, route: string, body?: object): Promise<Record<string, any>> {
    const answer = await fetch(this.url + route, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        "parley-user": "bench",
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${text}`);
    return (text.startsWith("{") ? JSON.parse(text) : { text }) as Record<string, any>;
  }

  /** Ends it as an operator does. Its data stay until `dispose`. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), END_WITHIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Ends it and removes what it left. */
  async dispose(): Promise<void> {
    if (this.#running) await this.stop();
    if (this.#ownData) await rm(this.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }

  get #running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #until(isReady: () => Promise<boolean>): Promise<void> {
    const startedAt = performance.now();
    while (!(await isReady())) {
      if (!this.#running || performance.now() - startedAt > READY_WITHIN_MS) {
        throw new Error(`a process was not ready in time:\n${readFileSync(this.#log, "utf8").slice(-4000)}`);
      }
      await sleep(READY_EVERY_MS);
    }
    this.readyMs = performance.now() - startedAt;
  }
}
