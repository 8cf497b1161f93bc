import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { textOf, type Args } from "./args.ts";
import { Faults, isApplied, type FaultSpec } from "./faults.ts";
import { answerFileRoute } from "./file-routes.ts";
import type { JournalEntry } from "./journal.ts";
import type { RateLimits, Verdict } from "./limits.ts";
import { findMethod, type ApiMethod } from "./method-table.ts";
import { readArgs, readBody, tokenOf } from "./read-request.ts";
import { Refusal } from "./refusal.ts";
import { answerResponseUrl } from "./response-url-answer.ts";
import type { Sockets } from "./sockets.ts";
import type { World } from "./world.ts";

/** Longer than any client keeps a socket idle: the fake never closes one that is about to be used. */
const KEEP_ALIVE_MS = 120_000;

interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

interface Call {
  name: string;
  args: Args;
  token: string;
  response: ServerResponse;
}

/** The HTTP side: finds the method, checks the token, admits, injects faults, answers. */
export class ApiServer {
  readonly faults = new Faults();
  /** ms before every answer. */
  latencyMs = 0;
  /** Takes connections and never answers. */
  blackhole = false;
  /** "method.argument" → how often an argument came that the method does not have. */
  readonly unknownFields = new Map<string, number>();
  #world: World;
  #limits: RateLimits;
  #server: Server;

  constructor(world: World, limits: RateLimits, sockets: Sockets) {
    this.#world = world;
    this.#limits = limits;
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
      void this.#receive(request, response);
    });
    this.#server.on("upgrade", (request, stream, head) => sockets.upgrade(request, stream, head));
  }

  /** @returns the URL, without a slash at its end */
  async listen(port: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(port, "127.0.0.1", resolve);
    await promise;
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A caller that hangs up in mid-call is a fact of life, not an error of the fake.
    response.on("error", () => {});
    const path = URL.parse(request.url ?? "/", "http://fake")?.pathname ?? "/";
    const file = this.blackhole ? undefined : await answerFileRoute(this.#world, request, path).catch(() => undefined);
    if (file !== undefined) {
      response.writeHead(file.status, file.headers ?? {}).end(file.body);
      return;
    }
    let body: string;
    try {
      body = await readBody(request);
    } catch {
      return;
    }
    if (this.blackhole) {
      return;
    }
    const url = URL.parse(request.url ?? "/", "http://fake") ?? new URL("http://fake/");
    const name = /^\/api\/([^/]*)$/.exec(url.pathname)?.[1];
    if (name === undefined) {
      this.#send(response, answerResponseUrl(this.#world, url.pathname, body) ?? { status: 404, body: "Not Found" });
      return;
    }
    try {
      const args = readArgs(request, url, body);
      this.#serve({ name, args, token: tokenOf(request, args), response });
    } catch (error) {
      this.#send(response, refusalAnswer(asRefusal(error)));
    }
  }

  #serve(call: Call): void {
    const { name, response } = call;
    const { token: _, ...args } = call.args;
    const at = this.#world.now();
    const entry = this.#world.journal.open(at, name, channelOf(args), args);
    const { channel } = entry;
    const method = findMethod(name);
    const early = this.#limits.blocked(name, channel, at);
    const fault = early.retryAfter === undefined ? this.faults.take(name, channel, args) : undefined;
    if (fault !== undefined && !isApplied(fault)) {
      this.#spoil(call, entry, fault);
      return;
    }
    const verdict =
      early.retryAfter === undefined ? this.#limits.admit(name, method?.rate ?? null, channel, at) : early;
    if (verdict.retryAfter !== undefined) {
      this.#refuseLimited(response, entry, verdict.retryAfter, verdict.earlyBy);
      return;
    }
    const answer = this.#run(call, args, method, entry);
    if (fault !== undefined) {
      this.#spoil(call, entry, fault, answer);
      return;
    }
    this.#send(response, answer, entry);
  }

  #run({ name, token }: Call, args: Args, method: ApiMethod | undefined, entry: JournalEntry): Answer {
    try {
      const known = this.#admitted(token, method);
      this.#checkFields(known, args);
      const result = known.run({ world: this.#world, method: name, args, entry });
      entry.outcome = "ok";
      entry.status = 200;
      entry.applied = true;
      return { status: 200, body: JSON.stringify({ ok: true, ...result }), headers: this.#scopeHeaders(known) };
    } catch (error) {
      const refusal = asRefusal(error);
      entry.outcome = refusal.error;
      entry.status = 200;
      return refusalAnswer(refusal, method === undefined ? {} : this.#scopeHeaders(method));
    }
  }

  /** Token first, method second, as Slack does it. */
  #admitted(token: string, method: ApiMethod | undefined): ApiMethod {
    const { app } = this.#world;
    if (method === undefined) {
      throw new Refusal("unknown_method");
    }
    if (token === "") {
      throw new Refusal("not_authed");
    }
    if (token !== app.botToken && token !== app.appToken) {
      throw new Refusal("invalid_auth");
    }
    if (app.refused !== null && token === app.botToken) {
      throw new Refusal(app.refused);
    }
    if ((token === app.appToken) !== (method.token === "app")) {
      throw new Refusal("not_allowed_token_type");
    }
    if (method.scopes.length > 0 && !method.scopes.some((scope) => app.scopes.has(scope))) {
      throw new Refusal("missing_scope", { needed: method.scopes.join(","), provided: [...app.scopes].join(",") });
    }
    return method;
  }

  #scopeHeaders(method: ApiMethod): Record<string, string> {
    const scopes = method.token === "app" ? ["connections:write"] : [...this.#world.app.scopes];
    return {
      "x-oauth-scopes": scopes.join(","),
      ...(method.scopes.length === 0 ? {} : { "x-accepted-oauth-scopes": method.scopes.join(",") }),
    };
  }

  /** Slack ignores what it does not know; so does the fake, but it counts. */
  #checkFields(method: ApiMethod, args: Args): void {
    for (const field of Object.keys(args)) {
      if (!method.fields.has(field) && field !== "team_id") {
        const key = `${method.name}.${field}`;
        this.unknownFields.set(key, (this.unknownFields.get(key) ?? 0) + 1);
        if (this.#world.strict) {
          throw new Refusal("invalid_arguments", {
            response_metadata: { messages: [`[ERROR] this fake does not know ${key}`] },
          });
        }
      }
    }
  }

  #refuseLimited(response: ServerResponse, entry: JournalEntry, retryAfter: number, earlyBy: Verdict["earlyBy"]): void {
    const { journal } = this.#world;
    journal.rateLimited++;
    entry.retryAfter = retryAfter;
    entry.outcome = "ratelimited";
    entry.status = 429;
    if (earlyBy !== undefined) {
      entry.earlyBy = earlyBy;
      journal.earlyCalls.push(entry);
    }
    this.#send(response, limitedAnswer(429, retryAfter), entry);
  }

  /** Answers wrongly, or not at all. @param answer what would have been said; undefined when nothing was applied */
  #spoil({ name, response }: Call, entry: JournalEntry, fault: FaultSpec, answer?: Answer): void {
    const at = this.#world.now();
    entry.fault = fault.kind;
    switch (fault.kind) {
      case "429": {
        const scope = fault.scope === "method" || entry.channel === null ? name : `${name} ${entry.channel}`;
        this.#limits.announce(scope, fault.retryAfter, at);
        this.#refuseLimited(response, entry, fault.retryAfter, undefined);
        return;
      }
      case "ratelimited-200":
        this.#world.journal.rateLimited++;
        entry.outcome = fault.error ?? "ratelimited";
        entry.status = 200;
        this.#send(response, limitedAnswer(200, fault.retryAfter, fault.error), entry);
        return;
      case "error":
        entry.outcome = fault.applied === true ? "lost" : fault.error;
        entry.status = 200;
        this.#send(response, refusalAnswer(new Refusal(fault.error)), entry);
        return;
      case "html":
        this.#lose(entry, fault.status ?? 500);
        this.#send(response, htmlAnswer(fault.status ?? 500), entry);
        return;
      case "garbage":
        this.#lose(entry, 200);
        this.#send(response, { status: 200, body: '{"ok":tru' }, entry);
        return;
      case "reset-before":
      case "reset-after-applying":
        this.#lose(entry, 0);
        response.socket?.resetAndDestroy();
        return;
      case "stall":
      case "stall-after-applying":
        this.#lose(entry, 0);
        return;
      case "late":
        this.#world.timers.after(fault.ms, () => {
          if (answer !== undefined) {
            this.#send(response, answer, entry);
          }
        });
        this.#world.changes.notify();
        return;
      default:
        fault satisfies never;
    }
  }

  #lose(entry: JournalEntry, status: number): void {
    entry.outcome = "lost";
    entry.status = status;
    this.#world.changes.notify();
  }

  #send(response: ServerResponse, { status, body, headers }: Answer, entry?: JournalEntry): void {
    const write = (): void => {
      const type = body.startsWith("<") ? "text/html" : "application/json; charset=utf-8";
      const date = new Date(this.#world.now()).toUTCString();
      response.writeHead(status, { "content-type": type, date, ...headers }).end(body);
    };
    if (entry !== undefined) {
      this.#world.changes.notify();
    }
    if (this.latencyMs > 0) {
      this.#world.timers.after(this.latencyMs, write);
    } else {
      write();
    }
  }
}

function channelOf(args: Args): string | null {
  return textOf(args, "channel") || textOf(args, "channel_id") || null;
}

function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("fatal_error", { bug_in_the_fake: (error as Error).stack });
}

function refusalAnswer({ error, more }: Refusal, headers: Record<string, string> = {}): Answer {
  return { status: 200, body: JSON.stringify({ ok: false, error, ...more }), headers };
}

function limitedAnswer(status: number, retryAfter: number | undefined, error = "ratelimited"): Answer {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
  return { status, body: JSON.stringify({ ok: false, error }), headers };
}

function htmlAnswer(status: number): Answer {
  return { status, body: `<!DOCTYPE html>\n<html><head><title>Server Error | Slack</title></head>${status}</html>\n` };
}
