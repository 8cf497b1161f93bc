import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { makeMcpServer, type McpJournal } from "./make-mcp-server.ts";

export interface HttpMcpServer extends Required<McpJournal> {
  url: string;
  /** Sessions that were begun: one for each connection. */
  sessions: number;
  /** What the last request brought as `authorization`. */
  authorization: string | undefined;
  /** All that requests have brought as `traceparent`. */
  traceparents: string[];
  /** True = it lets nobody in who did not log in by OAuth. */
  wantsLogin: boolean;
  /** Forgets all sessions, as a restart would. */
  forget(): void;
  /** Lets calls that tell of their progress take their next step. */
  proceed(): void;
  /** Breaks all connections and listens no more. */
  close(): Promise<void>;
  /** Listens again, at the same address. */
  listen(): Promise<void>;
}

/** A real server of the protocol's streamable HTTP transport, with sessions, on loopback. */
export async function startHttpMcpServer(): Promise<HttpMcpServer> {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  let gate = Promise.withResolvers<void>();
  const journal: Required<McpJournal> = { calls: [], aborted: [], told: [], held: () => gate.promise };
  const server = createServer((request, response) => void answer(request, response));
  let port = 0;

  async function open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        fake.sessions += 1;
        sessions.set(id, transport);
      },
    });
    await makeMcpServer(journal, () => server.closeAllConnections()).connect(transport);
    return transport;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    fake.authorization = request.headers.authorization;
    fake.traceparents.push(...(request.headersDistinct["traceparent"] ?? []));
    if (fake.wantsLogin) {
      // https://modelcontextprotocol.io/specification, Authorization, Protected Resource Metadata Discovery
      const where = `Bearer resource_metadata="${fake.url.replace("/mcp", "/.well-known/oauth-protected-resource")}"`;
      return void response.writeHead(401, { "www-authenticate": where }).end();
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? sessions.get(id) : undefined;
    if (id !== undefined && !known) return void response.writeHead(404).end();
    const body = request.method === "POST" ? { body: Buffer.concat(chunks) } : {};
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const transport = known ?? (await open());
    const web = await transport.handleRequest(
      new Request(fake.url, { method: request.method ?? "GET", headers, ...body }),
    );
    response.writeHead(web.status, Object.fromEntries(web.headers));
    response.flushHeaders();
    const reader = web.body?.getReader();
    response.on("close", () => void reader?.cancel().catch(() => undefined));
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) response.write(read.value);
    response.end();
  }

  const fake: HttpMcpServer = {
    ...journal,
    url: "",
    sessions: 0,
    authorization: undefined,
    traceparents: [],
    wantsLogin: false,
    forget: () => sessions.clear(),
    proceed() {
      gate.resolve();
      gate = Promise.withResolvers<void>();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    async listen() {
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      ({ port } = server.address() as AddressInfo);
      fake.url = `http://127.0.0.1:${port}/mcp`;
    },
  };
  await fake.listen();
  return fake;
}
