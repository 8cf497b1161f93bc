import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent } from "undici";

/** One call of a replica to a platform, and what it was answered. Times are epoch milliseconds. */
export interface WitnessedCall {
  at: number;
  method: string;
  chat: number | null;
  text: string | null;
  /** Of the answer; 0 = none came (yet). */
  status: number;
  /** The message that was made or edited, when the answer says so. */
  messageId: number | null;
}

/**
 * Stands between one replica and a fake, so that it is known who called: both replicas use the same bot. Nothing is
 * held back or repeated; a call that has arrived goes on even when its caller dies, as on a real network.
 */
export class Witness implements AsyncDisposable {
  readonly calls: WitnessedCall[] = [];
  readonly url: string;
  readonly #server: Server;
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#pass(request, response, target).catch(() => response.destroy());
    });
  }

  static async start(target: string): Promise<Witness> {
    const server = createServer({ keepAliveTimeout: 120_000 });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Witness(server, target);
  }

  of(method: string): WitnessedCall[] {
    return this.calls.filter((call) => call.method === method);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#agent.destroy();
  }

  async #pass(request: IncomingMessage, response: ServerResponse, target: string): Promise<void> {
    const body = await read(request);
    const call = describe(request.url ?? "", body);
    this.calls.push(call);
    const caller = new AbortController();
    // Only a poll is void without its caller.
    if (call.method === "getUpdates") response.once("close", () => caller.abort());
    // Calls are posts; files are fetched.
    const post = request.method === "POST";
    const answer = await this.#agent.request({
      origin: target,
      path: request.url ?? "",
      method: post ? "POST" : "GET",
      ...(post ? { headers: { "content-type": request.headers["content-type"] ?? "application/json" }, body } : {}),
      signal: caller.signal,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    call.status = answer.statusCode;
    call.messageId = messageIdOf(bytes.toString());
    const type = String(answer.headers["content-type"] ?? "application/json");
    response.writeHead(answer.statusCode, { "content-type": type }).end(bytes);
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function describe(url: string, body: Buffer): WitnessedCall {
  const payload = parse(body.toString()) ?? {};
  return {
    at: Date.now(),
    method: url.slice(url.lastIndexOf("/") + 1),
    chat: payload["chat_id"] === undefined ? null : Number(payload["chat_id"]),
    text: typeof payload["text"] === "string" ? payload["text"] : null,
    status: 0,
    messageId: typeof payload["message_id"] === "number" ? payload["message_id"] : null,
  };
}

function messageIdOf(answer: string): number | null {
  const result = parse(answer)?.["result"] as { message_id?: number } | undefined;
  return typeof result?.message_id === "number" ? result.message_id : null;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}
