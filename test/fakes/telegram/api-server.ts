import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Faults, isApplied, type FaultSpec } from "./faults.ts";
import type { JournalEntry } from "./journal.ts";
import type { RateLimits } from "./limits.ts";
import { RawJson } from "./long-poll.ts";
import { findMethod, type ApiMethod } from "./method-table.ts";
import type { Payload } from "./payload.ts";
import { readForm } from "./read-form.ts";
import { badRequest, Refusal, tooManyRequests } from "./refusal.ts";
import type { FakeBot, World } from "./world.ts";

/** Longer than any client keeps a socket idle: the fake never closes one that is about to be used. */
const KEEP_ALIVE_MS = 120_000;
const HTML_502 = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n";

interface Answer {
  status: number;
  body: string;
  type?: string;
  retryAfter?: number;
}

interface Request {
  bot: FakeBot;
  method: string;
  payload: Payload;
  response: ServerResponse;
}

/** The HTTP side: finds bot and method, admits, injects faults, answers. */
export class ApiServer {
  readonly faults = new Faults();
  /** ms before every answer. */
  latencyMs = 0;
  /** Takes connections and never answers. */
  blackhole = false;
  /** "method.field" → how often a parameter came that the fake does not know. */
  readonly unknownFields = new Map<string, number>();
  readonly earlyCalls: JournalEntry[] = [];
  #world: World;
  #limits: RateLimits;
  #bots: readonly FakeBot[];
  #server: Server;

  constructor(world: World, limits: RateLimits, bots: readonly FakeBot[]) {
    this.#world = world;
    this.#limits = limits;
    this.#bots = bots;
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
      void this.#receive(request, response);
    });
  }

  /** @returns the apiRoot, without a slash at its end */
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
    let body: Buffer;
    try {
      body = await readBody(request);
    } catch {
      return;
    }
    const url = URL.parse(request.url ?? "/", "http://fake") ?? new URL("http://fake/");
    const [, fileToken, path = ""] = /^\/file\/bot([^/]+)\/(.*)$/.exec(url.pathname) ?? [];
    if (fileToken !== undefined) {
      this.#serveFile(
        response,
        this.#bots.find(({ token }) => token === fileToken),
        decodeURIComponent(path),
      );
      return;
    }
    const [, token = "", name = ""] = /^\/bot([^/]+)\/(?:test\/)?([^/]*)$/.exec(url.pathname) ?? [];
    const bot = this.#bots.find((each) => each.token === token);
    if (this.blackhole) {
      return;
    }
    if (bot === undefined) {
      this.#send(
        response,
        refusalAnswer(token === "" ? new Refusal(404, "Not Found") : new Refusal(401, "Unauthorized")),
      );
      return;
    }
    const payload = await readPayload(request, url, body);
    if (payload === undefined) {
      this.#send(response, refusalAnswer(badRequest("can't parse the parameters")));
      return;
    }
    await this.#serve({ bot, method: name, payload, response });
  }

  /** Links go to nobody without the bot's token. Faults of the method "download" hit them. */
  #serveFile(response: ServerResponse, bot: FakeBot | undefined, path: string): void {
    if (this.blackhole) {
      return;
    }
    const file = bot?.files.at(path);
    const fault = this.faults.take("download", null, {});
    if (fault?.kind === "stall") {
      return;
    }
    if (file === undefined || fault?.kind === "status") {
      const status = fault?.kind === "status" ? fault.status : bot === undefined ? 401 : 404;
      this.#send(response, refusalAnswer(new Refusal(status, status === 404 ? "Not Found" : "Unauthorized")));
      return;
    }
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": file.bytes.length });
    if (fault?.kind === "reset-before") {
      // In the middle of the file.
      response.write(file.bytes.subarray(0, file.bytes.length / 2), () => response.socket?.resetAndDestroy());
      return;
    }
    response.end(file.bytes);
  }

  async #serve(request: Request): Promise<void> {
    const { bot, payload } = request;
    const method = findMethod(request.method);
    const name = method?.name ?? request.method;
    const at = this.#world.now();
    const entry = this.#world.journal.open(at, bot.index, name, chatIdOf(payload), payload);
    const chat = entry.chat === null ? undefined : bot.chats.get(entry.chat);
    const early = this.#limits.blocked(bot.index, name, chat, at);
    const fault = early.retryAfter === undefined ? this.faults.take(name, entry.chat, payload) : undefined;
    if (fault !== undefined && !isApplied(fault)) {
      if (fault.kind === "429") {
        this.#limits.announce(bot.index, name, chat, fault.retryAfter, at);
      }
      this.#spoil(request, entry, fault);
      return;
    }
    const verdict = early.retryAfter === undefined ? this.#limits.admit(bot.index, name, chat, at) : early;
    if (verdict.retryAfter !== undefined) {
      this.#refuseLimited(request, entry, verdict.retryAfter, verdict.earlyBy);
      return;
    }
    const answer = await this.#run(request, method, entry);
    if (fault !== undefined) {
      this.#spoil(request, entry, fault, answer);
      return;
    }
    this.#send(request.response, answer, entry);
  }

  async #run(request: Request, method: ApiMethod | undefined, entry: JournalEntry): Promise<Answer> {
    const { bot, payload, response } = request;
    try {
      if (method === undefined) {
        throw new Refusal(404, "Not Found: method not found");
      }
      this.#checkFields(method, payload);
      const onClose = (run: () => void): void => {
        response.once("close", run);
      };
      const result = await method.run({ world: this.#world, bot, method: method.name, payload, entry, onClose });
      entry.outcome = "ok";
      entry.status = 200;
      entry.applied = true;
      const json = result instanceof RawJson ? result.json : JSON.stringify(result);
      return { status: 200, body: `{"ok":true,"result":${json}}` };
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, `bug in the fake: ${(error as Error).stack}`);
      entry.outcome = refusal.code;
      entry.status = refusal.code;
      entry.description = refusal.message;
      return refusalAnswer(refusal);
    }
  }

  #checkFields(method: ApiMethod, payload: Payload): void {
    for (const field of Object.keys(payload)) {
      if (!method.fields.has(field)) {
        const key = `${method.name}.${field}`;
        this.unknownFields.set(key, (this.unknownFields.get(key) ?? 0) + 1);
        if (this.#world.strict) {
          throw badRequest(`this fake does not know the parameter ${field} of ${method.name}`);
        }
      }
    }
  }

  #refuseLimited(request: Request, entry: JournalEntry, retryAfter: number, earlyBy: number | undefined): void {
    this.#world.journal.rateLimited++;
    entry.retryAfter = retryAfter;
    if (earlyBy !== undefined) {
      entry.earlyBy = earlyBy;
      this.earlyCalls.push(entry);
    }
    this.#refuse(request, entry, tooManyRequests(retryAfter));
  }

  #refuse(request: Request, entry: JournalEntry, refusal: Refusal): void {
    entry.outcome = refusal.code;
    entry.status = refusal.code;
    entry.description = refusal.message;
    this.#send(request.response, refusalAnswer(refusal), entry);
  }

  /** Answers wrongly, or not at all. @param answer what would have been said; undefined when nothing was applied */
  #spoil(request: Request, entry: JournalEntry, fault: FaultSpec, answer?: Answer): void {
    entry.fault = fault.kind;
    switch (fault.kind) {
      case "429":
        this.#refuseLimited(request, entry, fault.retryAfter, undefined);
        return;
      case "401":
        this.#refuse(request, entry, new Refusal(401, "Unauthorized"));
        return;
      case "status":
        if (fault.applied !== true) {
          this.#refuse(request, entry, new Refusal(fault.status, fault.description, fault.parameters));
          return;
        }
        this.#lose(entry, fault.status);
        this.#send(request.response, refusalAnswer(new Refusal(fault.status, fault.description, fault.parameters)));
        return;
      case "reset-before":
      case "reset-after-applying":
        this.#lose(entry, 0);
        request.response.socket?.resetAndDestroy();
        return;
      case "stall":
      case "stall-after-applying":
        this.#lose(entry, 0);
        return;
      case "html-502":
        this.#lose(entry, 502);
        this.#send(request.response, { status: 502, body: HTML_502, type: "text/html" });
        return;
      case "garbage":
        this.#lose(entry, 200);
        this.#send(request.response, { status: 200, body: '{"ok":true,"resu' });
        return;
      case "late":
        this.#world.timers.after(fault.ms, () => {
          this.#send(request.response, answer ?? { status: 500, body: "{}" }, entry);
        });
        return;
    }
  }

  #lose(entry: JournalEntry, status: number): void {
    entry.outcome = "lost";
    entry.status = status;
    this.#world.changes.notify();
  }

  #send(response: ServerResponse, answer: Answer, entry?: JournalEntry): void {
    if (this.latencyMs > 0) {
      this.#world.timers.after(this.latencyMs, () => this.#write(response, answer));
    } else {
      this.#write(response, answer);
    }
    if (entry !== undefined) {
      this.#world.changes.notify();
    }
  }

  #write(response: ServerResponse, { status, body, type, retryAfter }: Answer): void {
    if (this.blackhole) {
      return;
    }
    response.writeHead(status, {
      "content-type": type ?? "application/json",
      "content-length": Buffer.byteLength(body),
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    });
    response.end(body);
  }
}

function refusalAnswer(refusal: Refusal): Answer {
  const { code, message, parameters } = refusal;
  const body = JSON.stringify({ ok: false, error_code: code, description: message, parameters });
  const retryAfter = parameters?.retry_after;
  return { status: code, body, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

function chatIdOf(payload: Payload): number | null {
  const id = payload["chat_id"];
  const number = typeof id === "string" && id !== "" ? Number(id) : id;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @returns undefined for a body that is neither a JSON object nor a form */
async function readPayload(request: IncomingMessage, url: URL, body: Buffer): Promise<Payload | undefined> {
  const query = url.search === "" ? {} : Object.fromEntries(url.searchParams);
  if (body.length === 0) {
    return query;
  }
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/x-www-form-urlencoded")) {
    return { ...query, ...Object.fromEntries(new URLSearchParams(body.toString())) };
  }
  if (type.startsWith("multipart/form-data")) {
    const form = await readForm(type, body);
    return form && { ...query, ...form };
  }
  if (!type.startsWith("application/json")) {
    return undefined;
  }
  try {
    const value = JSON.parse(body.toString()) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...query, ...value } : undefined;
  } catch {
    return undefined;
  }
}
