import { Agent, request, type IncomingMessage } from "node:http";
import type { Timers } from "./timers.ts";
import type { QueuedUpdate, UpdateQueue } from "./update-queue.ts";

export const SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token";
/** WebhookActor.cpp: idle time of a connection, and the cap of waits between tries. Seconds. */
const IDLE_TIMEOUT_S = 60;
const MAX_RESEND_S = 60;
const MAX_RETRY_AFTER_S = 3600;
/** create_connection: a webhook that cannot be reached is tried again after this long. */
const UNREACHABLE_S = 1;

export interface WebhookSettings {
  readonly url: string;
  readonly secret: string;
  readonly maxConnections: number;
}

/** One POST of an update to the webhook. */
export interface Delivery {
  at: number;
  updateId: number;
  lane: string;
  /** 1 for the first try. */
  attempt: number;
  /** HTTP status; 0 = no answer. */
  status: number;
  tookMs: number;
}

interface Lane {
  readonly updates: QueuedUpdate[];
  failures: number;
  delayS: number;
  attempt: number;
}

interface Answer {
  status: number;
  reason: string;
  retryAfterS: number;
}

interface DeliveryOptions {
  queue: UpdateQueue;
  timers: Timers;
  timeScale: number;
  now: () => number;
  onDelivery: (delivery: Delivery) => void;
}

/**
 * Sends one bot's updates to its webhook: lanes in parallel, one update of a lane after the other, the next one only
 * after a 2xx (tdlib/telegram-bot-api WebhookActor.cpp).
 */
export class WebhookDelivery {
  readonly settings: WebhookSettings;
  lastError: { at: number; message: string } | null = null;
  #options: DeliveryOptions;
  #agent: Agent;
  #lanes = new Map<string, Lane>();
  #ready: Lane[] = [];
  #active = 0;
  #closed = false;
  #paused = false;

  constructor(settings: WebhookSettings, options: DeliveryOptions) {
    this.settings = settings;
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true });
    for (const update of options.queue.pending) {
      this.push(update);
    }
  }

  push(update: QueuedUpdate): void {
    let lane = this.#lanes.get(update.lane);
    if (lane === undefined) {
      lane = { updates: [], failures: 0, delayS: 1, attempt: 0 };
      this.#lanes.set(update.lane, lane);
      this.#ready.push(lane);
    }
    lane.updates.push(update);
    this.#pump();
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.#pump();
  }

  /** Cuts what is under way: its outcome stays unknown, so those updates are delivered again by whatever comes next. */
  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  #pump(): void {
    while (!this.#closed && !this.#paused && this.#active < this.settings.maxConnections) {
      const lane = this.#ready.shift();
      if (lane === undefined) {
        return;
      }
      const update = lane.updates[0];
      if (update !== undefined) {
        void this.#deliver(lane, update);
      }
    }
  }

  async #deliver(lane: Lane, update: QueuedUpdate): Promise<void> {
    this.#active++;
    lane.attempt++;
    const started = performance.now();
    const answer = await this.#post(update.body);
    this.#active--;
    if (this.#closed) {
      return;
    }
    this.#options.onDelivery({
      at: this.#options.now(),
      updateId: update.id,
      lane: update.lane,
      attempt: lane.attempt,
      status: answer.status,
      tookMs: performance.now() - started,
    });
    if (answer.status >= 200 && answer.status <= 299) {
      this.#drop(lane, update);
    } else {
      this.#retry(lane, update, answer);
    }
    this.#pump();
  }

  #drop(lane: Lane, update: QueuedUpdate): void {
    this.#options.queue.forget(update);
    lane.updates.shift();
    Object.assign(lane, { failures: 0, delayS: 1, attempt: 0 });
    if (lane.updates.length > 0) {
      this.#ready.push(lane);
    } else {
      this.#lanes.delete(update.lane);
    }
  }

  #retry(lane: Lane, update: QueuedUpdate, answer: Answer): void {
    this.lastError = { at: this.#options.now(), message: answer.reason };
    let waitS = Math.min(answer.retryAfterS, MAX_RETRY_AFTER_S);
    if (answer.status === 0 && answer.reason === REFUSED) {
      waitS = UNREACHABLE_S;
    } else {
      // The first failure is tried again at once; only then the waits grow.
      if (waitS === 0 && lane.failures > 0) {
        lane.delayS = Math.min(lane.delayS * 2, MAX_RESEND_S * (1 + Math.random()));
        waitS = lane.delayS;
      }
      lane.failures++;
    }
    if (this.#options.now() + waitS * 1000 > update.expiresAt) {
      this.#drop(lane, update);
      return;
    }
    this.#options.timers.after(waitS * 1000 * this.#options.timeScale, () => {
      this.#ready.push(lane);
      this.#pump();
    });
  }

  #post(body: string): Promise<Answer> {
    const { url, secret } = this.settings;
    return postJson(url, body, {
      agent: this.#agent,
      headers: secret === "" ? {} : { [SECRET_HEADER]: secret },
      timeoutMs: IDLE_TIMEOUT_S * 1000,
    });
  }
}

const REFUSED = "Connection refused";
const REASONS: Record<string, string> = {
  ECONNREFUSED: REFUSED,
  ECONNRESET: "Connection reset by peer",
  ETIMEDOUT: "Read timeout expired",
  EPIPE: "Broken pipe",
};

/** POSTs JSON (or what claims to be). Never rejects: status 0 with a reason when no answer came. */
export function postJson(
  url: string,
  body: string | Buffer,
  options: { agent?: Agent; headers?: Record<string, string>; timeoutMs: number },
): Promise<Answer & { body: string }> {
  const { promise, resolve } = Promise.withResolvers<Answer & { body: string }>();
  const fail = (error: NodeJS.ErrnoException): void => {
    resolve({ status: 0, reason: REASONS[error.code ?? ""] ?? error.message, retryAfterS: 0, body: "" });
  };
  const outgoing = request(
    url,
    {
      method: "POST",
      timeout: options.timeoutMs,
      ...(options.agent === undefined ? { agent: false } : { agent: options.agent }),
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        ...options.headers,
      },
    },
    (response) => {
      readText(response).then((text) => resolve({ ...statusOf(response), body: text }), fail);
    },
  );
  outgoing.on("timeout", () => {
    outgoing.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
  });
  outgoing.on("error", fail);
  outgoing.end(body);
  return promise;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function statusOf(response: IncomingMessage): Answer {
  const status = response.statusCode ?? 0;
  const retryAfterS = Number.parseInt(response.headers["retry-after"] ?? "0", 10);
  return {
    status,
    reason: `Wrong response from the webhook: ${status} ${response.statusMessage ?? ""}`,
    retryAfterS: Number.isNaN(retryAfterS) ? 0 : retryAfterS,
  };
}
