import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

const BUILT = fileURLToPath(new URL("../../../dist/web/", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
  "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** A reverse proxy as bad as a test wants it, between the browser and a gateway. */
export class FrontDoor {
  readonly url: string;
  readonly #server;
  #gateway: string;
  /** Nothing comes through, and what was open is cut. */
  #cut = false;
  /** Event streams open and stay silent, as behind a proxy that collects what it passes on. */
  holdsEvents = false;
  /** Paths under /v1 that were asked for, with their methods. */
  readonly calls: string[] = [];

  private constructor(server: ReturnType<typeof createServer>, gateway: string) {
    this.#server = server;
    this.#gateway = gateway;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (asked: IncomingMessage, answer: ServerResponse) => {
      if (this.#cut) return void asked.socket.resetAndDestroy();
      if (asked.url?.startsWith("/v1/")) return this.#forward(asked, answer);
      return void sendFile(asked, answer);
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
    if (this.holdsEvents && asked.url?.includes("/events")) {
      answer.writeHead(200, { "content-type": "text/event-stream" });
      return answer.flushHeaders();
    }
    const { host: _, ...headers } = asked.headers;
    const onward = request(`${this.#gateway}${asked.url}`, { method: asked.method ?? "GET", headers });
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

async function sendFile(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { pathname } = new URL(asked.url ?? "/", "http://page");
  const name = pathname.startsWith("/assets/") ? pathname.slice(1) : "index.html";
  const bytes = await readFile(path.join(BUILT, path.normalize(name))).catch(() => null);
  if (bytes === null) return void answer.writeHead(404).end();
  answer
    .writeHead(200, {
      "content-type": TYPES[path.extname(name)] ?? "application/octet-stream",
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    })
    .end(bytes);
}
