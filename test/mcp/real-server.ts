import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";

/** The protocol's own reference server, as npm has it: https://github.com/modelcontextprotocol/servers */
const EVERYTHING = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js"));
/** It would listen on all interfaces. */
const ON_LOOPBACK = `data:text/javascript,${encodeURIComponent(`
  import { Server } from "node:net";
  const { listen } = Server.prototype;
  Server.prototype.listen = function (port, then) { return listen.call(this, port, "127.0.0.1", then); };
`)}`;

/** How the file of servers has it started as a process. */
export const everythingAsProcess = { command: process.execPath, args: [EVERYTHING, "stdio"] };

/** It answers by streamable HTTP until it is killed; `start` starts it again, at the same address. */
export class RealHttpServer implements AsyncDisposable {
  /** Sessions it has begun, over all its lives. */
  sessions = 0;
  readonly #port: number;
  #child: ChildProcess | null = null;

  private constructor(port: number) {
    this.#port = port;
  }

  static async start(): Promise<RealHttpServer> {
    const server = new RealHttpServer(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, ["--import", ON_LOOPBACK, EVERYTHING, "streamableHttp"], {
      env: { ...process.env, PORT: String(this.#port) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    createInterface(child.stdout).on("line", (line) => {
      if (line.startsWith("Session initialized")) this.sessions += 1;
    });
    const told = createInterface(child.stderr);
    for await (const line of told) if (line.includes("listening on port")) return void child.stderr.resume();
    throw new Error("the server ended at its start");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
