import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A reverse proxy as bad as a test wants it, between the browser and a gateway. */
export class FrontDoor {
  readonly url: string;
  readonly #server;
  #gateway: string;
  /** Nothing comes through, and what was open is cut. */
  #cut = false;
  /** `held`: event streams open and stay silent, as behind a proxy that collects what it passes on. */
  events: "pass" | "held" | "refused" | "cut off" = "pass";
  /** What was asked for. */
  readonly calls: string[] = [];

  private constructor(server: ReturnType<typeof createServer>, gateway: string) {
    this.#server = server;
    this.#gateway = gateway;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (asked: IncomingMessage, answer: ServerResponse) => {
      if (this.#cut) return void asked.socket.resetAndDestroy();
      return this.#forward(asked, answer);
    });
  }

  static async open(gateway: string): Promise<FrontDoor> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FrontDoor(server, gateway);
  }

  /** Another replica answers from now on. */
  leadTo(gateway: string): void {
    this.#gateway = gateway;
  }

  cut(): void {
    this.#cut = true;
    this.#server.closeAllConnections();
  }

  mend(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    this.calls.push(`${asked.method} ${asked.url}`);
    if (asked.url?.includes("/events")) {
      if (this.events === "cut off") return void asked.socket.resetAndDestroy();
      if (this.events === "refused") return void answer.writeHead(502).end("bad gateway");
      if (this.events === "held") return answer.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    }
    const onward = request(`${this.#gateway}${asked.url}`, { method: asked.method ?? "GET", headers: asked.headers });
    onward.on("response", (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers);
      found.on("error", () => answer.destroy());
      found.pipe(answer);
    });
    onward.on("error", () => {
      if (answer.headersSent) answer.destroy();
      else answer.writeHead(502, { "content-type": "text/plain" }).end("bad gateway");
    });
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  }
}
