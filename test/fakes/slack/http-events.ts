import { Agent } from "node:http";
import type { Timers } from "../telegram/timers.ts";
import type { Json } from "./channels.ts";
import type { Delivery, Outgoing, Result, Retry } from "./deliveries.ts";
import { forged, type Forgery } from "./forgeries.ts";
import { FORM_TYPE, JSON_TYPE, send, signedPost, type Post, type PostAnswer } from "./signed-post.ts";

/** A test's own request, for which there is more time than Slack allows. */
const PATIENCE_MS = 10_000;

interface Options {
  signingSecret: string;
  verificationToken: string;
  now: () => number;
  timers: Timers;
  /** Slack waits 3 s. */
  ackWithinMs: number;
}

/** The other way to tell the app: signed POSTs to its request URL. */
export class HttpEvents {
  #options: Options;
  #agent = new Agent({ keepAlive: true });
  #urls: readonly string[] = [];
  #next = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Signed with another secret from now on. */
  changeSecret(signingSecret: string): void {
    this.#options = { ...this.#options, signingSecret };
  }

  /** The app's request URL; several stand for replicas behind a balancer, each in turn. null = Socket Mode again. */
  sendTo(urls: string | readonly string[] | null): void {
    this.#urls = urls === null ? [] : [urls].flat();
  }

  get inUse(): boolean {
    return this.#urls.length > 0;
  }

  async attempt(outgoing: Outgoing, retry: Retry | null, delivery: Delivery): Promise<Result> {
    const url = this.#url();
    delivery.to = url;
    const post = this.#signed(...bodyOf(outgoing));
    if (retry !== null) {
      post.headers["x-slack-retry-num"] = String(retry.num);
      post.headers["x-slack-retry-reason"] = retry.reason;
    }
    const answer = await this.#send(url, post, this.#options.ackWithinMs);
    if (answer.status >= 200 && answer.status < 300) {
      return { acknowledged: true, status: answer.status, body: parsed(answer.body) };
    }
    return {
      acknowledged: false,
      status: answer.status,
      reason: answer.reason ?? "http_error",
      noRetry: answer.headers["x-slack-no-retry"] === "1",
    };
  }

  /** What Slack asks a new request URL. `verified`: it said the challenge back. */
  async challenge(url = this.#url()): Promise<PostAnswer & { verified: boolean }> {
    const challenge = `challenge${this.#options.now()}`;
    const body = { token: this.#options.verificationToken, challenge, type: "url_verification" };
    const answer = await this.#send(url, this.#signed(JSON.stringify(body), JSON_TYPE));
    const said = parsed(answer.body);
    const echoed = said === challenge || (said as { challenge?: unknown } | null)?.challenge === challenge;
    return { ...answer, verified: answer.status === 200 && echoed };
  }

  /** POSTs any body, signed as Slack would; headers stand over those. */
  post(
    body: string,
    { type = JSON_TYPE, headers = {}, url = this.#url() }: { type?: string; headers?: Json; url?: string } = {},
  ): Promise<PostAnswer> {
    const post = this.#signed(body, type);
    return this.#send(url, { body, headers: { ...post.headers, ...(headers as Record<string, string>) } });
  }

  /**
   * POSTs what somebody else than Slack might.
   * @param what what it would say if it were believed: something held back (see `holdEvents`), or any event's payload
   */
  forge(kind: Forgery, what: Pick<Outgoing, "kind" | "payload"> | Json, url = this.#url()): Promise<PostAnswer> {
    const { signingSecret, now } = this.#options;
    const [body, type] = isOutgoing(what) ? bodyOf(what) : [JSON.stringify(what), JSON_TYPE];
    return this.#send(url, forged(kind, signedPost(signingSecret, now(), body, type), signingSecret));
  }

  close(): void {
    this.#agent.destroy();
  }

  #url(): string {
    const url = this.#urls[this.#next++ % Math.max(1, this.#urls.length)];
    if (url === undefined) {
      throw new Error("there is no request URL");
    }
    return url;
  }

  #signed(body: string, type: string): Post {
    return signedPost(this.#options.signingSecret, this.#options.now(), body, type);
  }

  #send(url: string, post: Post, timeoutMs = PATIENCE_MS): Promise<PostAnswer> {
    return send(url, post, { agent: this.#agent, timers: this.#options.timers, timeoutMs });
  }
}

function isOutgoing(what: Pick<Outgoing, "kind" | "payload"> | Json): what is Pick<Outgoing, "kind" | "payload"> {
  return "kind" in what && "payload" in what;
}

function bodyOf({ kind, payload }: Pick<Outgoing, "kind" | "payload">): [string, string] {
  switch (kind) {
    case "events_api":
      return [JSON.stringify(payload), JSON_TYPE];
    case "interactive":
      return [new URLSearchParams({ payload: JSON.stringify(payload) }).toString(), FORM_TYPE];
    case "slash_commands":
      return [new URLSearchParams(payload as Record<string, string>).toString(), FORM_TYPE];
    default:
      return kind satisfies never;
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}
