import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import type { Replica } from "./stage.ts";

/**
 * What stands in front of the replicas in webhook mode, so that a scene decides which of them gets an update, and
 * whether its acknowledgement comes back.
 */
export class WebhookRouter implements AsyncDisposable {
  /** PUBLIC_URL of every replica. */
  readonly url: string;
  /** Who gets the next call; null = nobody, the call is refused with 503. */
  target: Replica | null = null;
  /** Called when a replica has answered, before its answer goes back; true = the answer gets lost. */
  onAnswer: ((status: number) => Promise<boolean>) | null = null;
  /** Called when a call has arrived, before it is passed on. */
  onCall: ((body: string) => void) | null = null;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
      this.#route(incoming, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<WebhookRouter> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new WebhookRouter(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #route(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.onCall?.(body);
    const { target } = this;
    if (!target) return void response.writeHead(503).end();
    const secret = incoming.headers["x-telegram-bot-api-secret-token"];
    const answer = await request(`${target.process.url}${incoming.url ?? ""}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(typeof secret === "string" ? { "x-telegram-bot-api-secret-token": secret } : {}),
      },
      body,
    });
    await answer.body.dump();
    if (await this.onAnswer?.(answer.statusCode)) return void response.destroy();
    response.writeHead(answer.statusCode).end();
  }
}
