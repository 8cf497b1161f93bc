import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Changes } from "../telegram/changes.ts";
import type { Timers } from "../telegram/timers.ts";
import { isObject } from "./args.ts";
import { newEnvelopeId, type Delivery, type Outgoing, type Result, type Retry } from "./deliveries.ts";

/** docs.slack.dev/apis/events-api/using-socket-mode: at most so many at once. */
const MOST_CONNECTIONS = 10;
const HOST = "applink-fake-1";

export interface SocketOptions {
  appId: string;
  changes: Changes;
  timers: Timers;
  now: () => number;
  /** Slack waits 3 s. */
  ackWithinMs: number;
  pingEveryMs: number;
  /** From a "refresh_requested" until Slack ends the connection itself. */
  refreshGraceMs: number;
}

/** What a test sees of one Socket Mode connection. */
export interface SocketConnection {
  /** 1 for the first one ever. */
  readonly number: number;
  readonly openedAt: number;
  readonly open: boolean;
  readonly ghost: boolean;
  /** Acknowledgements that came over it. */
  readonly acks: number;
  readonly pings: number;
}

class Connection implements SocketConnection {
  readonly number: number;
  readonly openedAt: number;
  readonly socket: WebSocket;
  readonly waiting = new Map<string, (result: Result) => void>();
  open = true;
  ghost = false;
  /** Slack asked it to go: it gets nothing new. */
  leaving = false;
  acks = 0;
  pings = 0;

  constructor(number: number, openedAt: number, socket: WebSocket) {
    this.number = number;
    this.openedAt = openedAt;
    this.socket = socket;
  }

  send(message: object): void {
    if (this.open && !this.ghost) {
      this.socket.send(JSON.stringify(message));
    }
  }
}

/** The Socket Mode side: hands out links, greets, sends envelopes to one connection each, takes acknowledgements. */
export class Sockets {
  readonly all: Connection[] = [];
  /** Acknowledgements of nothing that waits on that connection: too late, repeated, or sent over another one. */
  readonly strayAcks: { envelopeId: string; connection: number }[] = [];
  #options: SocketOptions;
  #server = new WebSocketServer({ noServer: true, autoPong: false });
  #tickets = new Set<string>();
  #next = 0;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  get open(): Connection[] {
    return this.all.filter((connection) => connection.open);
  }

  /** What apps.connections.open answers: good for one connection. */
  link(httpUrl: string): string {
    const ticket = randomUUID();
    this.#tickets.add(ticket);
    return `${httpUrl.replace(/^http/, "ws")}/link/?ticket=${ticket}&app_id=${this.#options.appId}`;
  }

  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const url = URL.parse(request.url ?? "/", "http://fake");
    if (url?.pathname !== "/link/" || !this.#tickets.delete(url.searchParams.get("ticket") ?? "")) {
      stream.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, stream, head, (socket) => this.#greet(socket));
  }

  /** Sends to one of the open connections, each in turn. */
  async attempt(outgoing: Outgoing, retry: Retry | null, delivery: Delivery): Promise<Result> {
    const ready = this.open.filter((connection) => !connection.leaving);
    const connection = ready[this.#next++ % Math.max(1, ready.length)];
    if (connection === undefined) {
      return { acknowledged: false, reason: "connection_failed" };
    }
    const envelopeId = newEnvelopeId();
    delivery.to = connection.number;
    delivery.envelopeId = envelopeId;
    const { promise, resolve } = Promise.withResolvers<Result>();
    connection.waiting.set(envelopeId, resolve);
    const stopWaiting = this.#options.timers.after(this.#options.ackWithinMs, () => {
      resolve({ acknowledged: false, reason: "timeout" });
    });
    connection.send({
      envelope_id: envelopeId,
      payload: outgoing.payload,
      type: outgoing.kind,
      accepts_response_payload: outgoing.kind !== "events_api",
      ...(outgoing.kind === "events_api" ? { retry_attempt: retry?.num ?? 0, retry_reason: retry?.reason ?? "" } : {}),
    });
    const result = await promise;
    stopWaiting();
    connection.waiting.delete(envelopeId);
    return result;
  }

  /** Slack recycles connections: a warning first, or at once. Of one connection, or all. */
  refresh(reason: "warning" | "refresh_requested" | "link_disabled", number?: number): void {
    for (const connection of this.#chosen(number)) {
      connection.send({ type: "disconnect", reason, debug_info: { host: HOST } });
      if (reason !== "warning") {
        connection.leaving = true;
        this.#options.timers.after(this.#options.refreshGraceMs, () => connection.socket.close(1000));
      }
    }
  }

  /** Cut, without a close frame. */
  drop(number?: number): void {
    for (const connection of this.#chosen(number)) {
      connection.socket.terminate();
    }
  }

  /** Half-open from now on: still counted and chosen, but nothing gets through in either direction. */
  ghost(number?: number): void {
    for (const connection of this.#chosen(number)) {
      connection.ghost = true;
      connection.socket.pause();
    }
  }

  /** Sends anything to all connections, however malformed. */
  sendRaw(text: string): void {
    for (const connection of this.open.filter(({ ghost }) => !ghost)) {
      connection.socket.send(text);
    }
  }

  close(): void {
    for (const connection of this.all) {
      connection.socket.terminate();
    }
    this.#server.close();
  }

  #chosen(number: number | undefined): Connection[] {
    const chosen = this.open.filter((connection) => number === undefined || connection.number === number);
    if (chosen.length === 0) {
      throw new Error(number === undefined ? "no socket is open" : `socket ${number} is not open`);
    }
    return chosen;
  }

  #greet(socket: WebSocket): void {
    if (this.open.length >= MOST_CONNECTIONS) {
      socket.send(JSON.stringify({ type: "disconnect", reason: "too_many_websockets", debug_info: { host: HOST } }));
      socket.close(1000);
      return;
    }
    const connection = new Connection(this.all.length + 1, this.#options.now(), socket);
    this.all.push(connection);
    socket.on("error", () => {});
    socket.on("ping", (data) => {
      connection.pings++;
      if (!connection.ghost) {
        socket.pong(data);
      }
    });
    socket.on("message", (data) => this.#hear(connection, (data as Buffer).toString()));
    socket.on("close", () => {
      connection.open = false;
      for (const settle of connection.waiting.values()) {
        settle({ acknowledged: false, reason: "connection_failed" });
      }
      this.#options.changes.notify();
    });
    connection.send({
      type: "hello",
      num_connections: this.open.length,
      debug_info: { host: HOST, build_number: 1, approximate_connection_time: 18_060 },
      connection_info: { app_id: this.#options.appId },
    });
    this.#ping(connection);
    this.#options.changes.notify();
  }

  #ping(connection: Connection): void {
    this.#options.timers.after(this.#options.pingEveryMs, () => {
      if (connection.open) {
        if (!connection.ghost) {
          connection.socket.ping(`Ping from ${HOST}`);
        }
        this.#ping(connection);
      }
    });
  }

  #hear(connection: Connection, text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      message = undefined;
    }
    const { envelope_id: id, payload } = isObject(message) ? message : {};
    const envelopeId = typeof id === "string" ? id : "";
    const settle = connection.waiting.get(envelopeId);
    if (settle === undefined || connection.ghost) {
      this.strayAcks.push({ envelopeId, connection: connection.number });
    } else {
      connection.acks++;
      connection.waiting.delete(envelopeId);
      settle({ acknowledged: true, body: payload });
    }
    this.#options.changes.notify();
  }
}
