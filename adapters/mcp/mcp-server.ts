import { setMaxListeners } from "node:events";
import type { CallToolResult, Progress, Tool as ListedTool } from "@modelcontextprotocol/client";
import { CircuitBreaker } from "../../src/agent/circuit-breaker.ts";
import type { Clock } from "../../src/agent/clock.ts";
import { Slots } from "../../src/agent/slots.ts";
import type { ToolResult } from "../../src/agent/tool-source.ts";
import { connectMcp, type McpConnection, NO_ANSWER } from "./mcp-connection.ts";
import { type McpTrouble, McpUnreachable, toMcpTrouble } from "./mcp-errors.ts";
import { toResult } from "./mcp-tools.ts";
import { newestOnly } from "./newest-only.ts";
import type { McpServerConfig } from "./read-mcp-servers.ts";

export interface McpServerParts {
  clock: Clock;
  random: () => number;
  /** Told of trouble: the server's name and a code, no words of its own. */
  onTrouble: (server: string, reason: string) => void;
}

export interface ServerCall {
  session: string;
  tool: string;
  args: Record<string, unknown>;
  readOnly: boolean;
  /** Left out: nobody traces it. */
  traceparent?: string;
  /** Told of the newest progress, again when that is done; left out: nobody is told. */
  progressed?: (progress: Progress) => Promise<void>;
}

/** A connection that is open or being opened. */
interface Entry {
  key: string;
  opening: Promise<McpConnection>;
  users: number;
  /** All that fails with it is one failure of the server. */
  failed: boolean;
  /** Ends the wait for its eviction. */
  idle: AbortController | null;
}

const IDLE_MS = 300_000;
/** Calls that wait for a slot; more are turned away. */
const MAX_WAITING = 1_000;
/** Of one server, where sessions or calls have their own. */
const MAX_CONNECTIONS = 64;
/** How long a stopped run waits for a call that may have effects; the loop waits 5 s. */
const GRACE_MS = 4_000;
/** How often a call's progress is told of; the chat shows it no oftener than its platform allows. */
const PROGRESS_MS = 2_000;
/** A call's connection serves listings of all runs, since tools are the same for all of them. */
const LISTING = "listing";
/** It is left alone for a while, or all its connections are in use. */
const RESTING = "resting";

/** One server that the operator has set up, and its connections. */
export class McpServer {
  readonly config: McpServerConfig;
  readonly #parts: McpServerParts;
  readonly #breaker: CircuitBreaker;
  readonly #slots: Slots;
  readonly #entries = new Map<string, Entry>();
  #calls = 0;
  #closed = false;

  constructor(config: McpServerConfig, parts: McpServerParts) {
    this.config = config;
    this.#parts = parts;
    this.#breaker = new CircuitBreaker(parts.clock, parts.random);
    this.#slots = new Slots(config.concurrency, MAX_WAITING);
  }

  /** Connections that are open or being opened. */
  get connections(): number {
    return this.#entries.size;
  }

  /** Null = it cannot be asked now. */
  async list(session: string): Promise<readonly ListedTool[] | null> {
    const key = this.config.scope === "call" ? LISTING : this.#keyOf(session);
    try {
      return await this.#with(key, (connection) => connection.list());
    } catch {
      return null;
    }
  }

  /** Never rejects. A call that certainly did not reach the server is made once more, by a new connection. */
  async call(call: ServerCall, outer: AbortSignal): Promise<ToolResult> {
    const { name, callMs } = this.config;
    const { clock } = this.#parts;
    const settled = new AbortController();
    const stop = new AbortController();
    // Both are listened to once by each layer of the SDK and of fetch.
    setMaxListeners(50, stop.signal);
    const onAbort = () => {
      if (call.readOnly) return stop.abort();
      // Its real outcome is worth a little patience: the model is told of it later.
      void clock.sleep(GRACE_MS, settled.signal).then(() => stop.abort());
    };
    outer.addEventListener("abort", onAbort, { once: true });
    const waited = new AbortController();
    void clock.sleep(callMs, settled.signal).then(() => waited.abort());
    try {
      const called = await this.#slots.during(AbortSignal.any([outer, waited.signal]), () =>
        this.#callOnceOrTwice(call, outer, stop.signal, settled.signal),
      );
      if (called) return toResult(called);
      return failure(outer.aborted ? "Not called: the run was stopped." : `${name} has too many calls; try later.`);
    } catch (error) {
      return failure(this.#explain(call, error, stop.signal));
    } finally {
      settled.abort();
      outer.removeEventListener("abort", onAbort);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry)));
  }

  async #callOnceOrTwice(
    call: ServerCall,
    outer: AbortSignal,
    stop: AbortSignal,
    settled: AbortSignal,
  ): Promise<CallToolResult> {
    const { tool, args, traceparent, progressed = async () => undefined } = call;
    const onProgress = newestOnly(progressed, PROGRESS_MS, this.#parts.clock, settled);
    const made = { tool, args, callMs: this.config.callMs, onProgress, ...(traceparent && { traceparent }) };
    const key = this.config.scope === "call" ? `call ${++this.#calls}` : this.#keyOf(call.session);
    const once = () => this.#with(key, (connection) => connection.call(made, stop), stop);
    try {
      return await once();
    } catch (error) {
      if (toMcpTrouble(error).kind !== "unsent" || outer.aborted) throw error;
      return once();
    }
  }

  #explain({ tool, readOnly }: ServerCall, error: unknown, stop: AbortSignal): string {
    const { name, callMs } = this.config;
    const effect = readOnly ? "" : " Its outcome is unknown: it may have taken effect.";
    if (stop.aborted) return readOnly ? "Stopped before it had a result." : `Stopped.${effect}`;
    const { kind, said } = toMcpTrouble(error);
    switch (kind) {
      case "answered":
        return `${tool} failed: ${said}`;
      case "late":
        return `${tool} had no result within ${callMs / 1_000} s.${effect}`;
      case "unsent":
        return `${name} cannot be reached right now; ${tool} was not called.`;
      case "lost":
        return `The connection to ${name} broke before ${tool} had a result.${effect}`;
      default:
        return kind satisfies never;
    }
  }

  #keyOf(session: string): string {
    return this.config.scope === "session" ? `session ${session}` : "shared";
  }

  /** Works with the connection of that key, which is opened if there is none. */
  async #with<T>(key: string, work: (connection: McpConnection) => Promise<T>, stop?: AbortSignal): Promise<T> {
    const entry = this.#entries.get(key) ?? this.#open(key);
    entry.users += 1;
    entry.idle?.abort();
    try {
      const connection = await (stop ? Promise.race([entry.opening, aborted(stop)]) : entry.opening);
      stop?.throwIfAborted();
      const result = await work(connection);
      this.#breaker.succeeded();
      return result;
    } catch (error) {
      if (!stop?.aborted) this.#failed(entry, toMcpTrouble(error));
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#rest(entry);
    }
  }

  #open(key: string): Entry {
    if (this.#closed || this.#breaker.resting) throw new McpUnreachable(RESTING);
    if (this.#entries.size >= MAX_CONNECTIONS) {
      const unused = [...this.#entries.values()].find(({ users }) => users === 0);
      if (!unused) throw new McpUnreachable(RESTING);
      void this.#end(unused);
    }
    const { clock } = this.#parts;
    const opening = connectMcp(
      this.config,
      () => clock.now(),
      () => {
        this.#forget(entry);
        entry.idle?.abort();
      },
    );
    const entry: Entry = { key, opening, users: 0, failed: false, idle: null };
    this.#entries.set(key, entry);
    return entry;
  }

  #failed(entry: Entry, { kind, reason }: McpTrouble): void {
    if (kind === "answered") return this.#breaker.succeeded();
    // A tool that is slow says nothing about the others.
    if (kind === "late") return this.#parts.onTrouble(this.config.name, reason);
    // Others still work with it; it is closed when the last of them is done. New calls get a new one.
    this.#forget(entry);
    if (entry.failed) return;
    entry.failed = true;
    this.#parts.onTrouble(this.config.name, reason);
    this.#breaker.failed(reason === NO_ANSWER);
  }

  /** Nobody uses it now. */
  #rest(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry || entry.key.startsWith("call ")) return void this.#end(entry);
    // The oldest of those without users is the first to go when there are too many.
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    const idle = new AbortController();
    entry.idle = idle;
    void this.#evict(entry, idle.signal);
  }

  async #evict(entry: Entry, used: AbortSignal): Promise<void> {
    await this.#parts.clock.sleep(IDLE_MS, used);
    if (!used.aborted && entry.users === 0) await this.#end(entry);
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  async #end(entry: Entry): Promise<void> {
    this.#forget(entry);
    entry.idle?.abort();
    const connection = await entry.opening.catch(() => null);
    await connection?.close();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(new Error("stopped"));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

function failure(text: string): ToolResult {
  return { ok: false, text };
}
