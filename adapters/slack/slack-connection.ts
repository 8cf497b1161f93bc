import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { SocketModeClient, type SocketModeOptions } from "@slack/socket-mode";
import { silentSlackLog } from "./slack-log.ts";
import type { SlackDelivery } from "./slack-receiver.ts";
import { atMost } from "../../src/platform/backoff.ts";

export interface ConnectionHooks {
  /** Resolves once it is stored: only then is it acknowledged. Never rejects; false = it was not. */
  take(delivery: SlackDelivery): Promise<boolean>;
  /** Slack wants this connection to end. */
  onDisconnect(reason: string): void;
}

const KINDS: Record<string, SlackDelivery["kind"]> = {
  events_api: "event",
  interactive: "interaction",
  slash_commands: "command",
};

/** undici's, for every WebSocket of the process. */
const PINGS = "undici:websocket:ping";
/** Pings are answered within 5 s by Slack; a machine that stands still for ten seconds keeps its sockets. */
const PING_TIMEOUT_MS = 20_000;
/** Slack's client waits 30 s for the other side to say goodbye. */
const GOODBYE_MS = 1_000;

/**
 * One WebSocket of Slack's client from its opening to its end. The client's own reconnecting is off: 3.1.0 leaves
 * rejections of it to nobody, waits longer each time without a limit, and never gives a refreshed connection up in time.
 * Its reading of messages is replaced as well: it dies of an `app_rate_limited`, and closes before what is on its way
 * can be acknowledged.
 */
export class SlackConnection extends SocketModeClient {
  readonly #hooks: ConnectionHooks;
  readonly #opening: AbortController;
  readonly #taking = new Set<Promise<void>>();
  #url = "";
  #over = false;
  /** When Slack was heard last, on the monotonic clock. */
  heardAt = performance.now();

  constructor(
    options: { appToken: string; clientOptions: (ended: AbortSignal) => SocketModeOptions["clientOptions"] },
    hooks: ConnectionHooks,
  ) {
    const opening = new AbortController();
    const clientOptions = options.clientOptions(opening.signal);
    super({
      appToken: options.appToken,
      autoReconnectEnabled: false,
      clientPingTimeout: PING_TIMEOUT_MS,
      logger: silentSlackLog,
      ...(clientOptions ? { clientOptions } : {}),
    });
    this.#opening = opening;
    this.#hooks = hooks;
    this.once("authenticated", (answer: { url: string }) => void (this.#url = new URL(answer.url).href));
    // Thrown inside `start`, which then rejects before there is a socket.
    this.once("connecting", () => opening.signal.throwIfAborted());
  }

  /** Resolves with Slack's hello; rejects if the connection ended before. */
  async open(): Promise<void> {
    subscribe(PINGS, this.#onPing);
    await this.start();
    this.heardAt = performance.now();
  }

  /** Resolves when nothing is on its way, or after `graceMs`, and the socket is really closed. */
  async end(graceMs: number): Promise<void> {
    this.#over = true;
    this.#opening.abort();
    await atMost(graceMs, Promise.all(this.#taking));
    let isClosed = false;
    const closed = this.disconnect().then(() => void (isClosed = true));
    await atMost(GOODBYE_MS, closed);
    // A second time it does not wait for the other side.
    if (!isClosed) this.websocket?.disconnect();
    unsubscribe(PINGS, this.#onPing);
  }

  protected override async onWebSocketMessage(data: string | ArrayBuffer, isBinary: boolean): Promise<void> {
    this.heardAt = performance.now();
    const message = typeof data === "string" ? readMessage(data) : null;
    if (message?.["type"] === "hello") return super.onWebSocketMessage(data, isBinary);
    if (message?.["type"] === "disconnect") {
      const { reason } = message;
      return this.#hooks.onDisconnect(typeof reason === "string" ? reason : "unknown");
    }
    const { type, envelope_id: id, payload } = message ?? {};
    if (typeof type !== "string" || typeof id !== "string" || this.#over) return;
    const taking = this.#hooks
      .take({ kind: KINDS[type] ?? "event", body: payload })
      .then((isStored) => void (isStored && this.#acknowledge(id)))
      .finally(() => this.#taking.delete(taking));
    this.#taking.add(taking);
  }

  /** On a socket that is gone it is in vain: Slack sends it again, and the inbox drops the repeat. */
  #acknowledge(envelope_id: string): void {
    if (this.websocket?.isActive()) this.websocket.send(JSON.stringify({ envelope_id }), () => undefined);
  }

  readonly #onPing = (message: unknown) => {
    const { websocket } = message as { websocket?: { url?: string } };
    if (websocket?.url === this.#url) this.heardAt = performance.now();
  };
}

function readMessage(text: string): Record<string, unknown> | null {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === "object" && message !== null ? (message as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
