import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, GatewayError } from "../errors.ts";
import type { ApiClient, ApiEvent } from "./api-client.ts";
import type { Screen } from "./screen.ts";
import { SessionView } from "./session-view.ts";

/** Messages of the past that are shown at the beginning. */
const SHOWN_HISTORY = 20;
const LISTED = 10;
const PAUSE_MS = 250;
const MAX_PAUSE_MS = 5_000;
/** How long a message is tried to be sent while the gateway is away, and how long its answer may take. */
const SEND_MS = 120_000;
const ANSWER_MS = 20 * 60_000;

export interface Session {
  session_id: string;
  agent: string;
  title: string;
  head_seq: number;
  updated_at: string;
}

/** One talk at a time with the agents behind a gateway, which may go and come again meanwhile. */
export class Talk {
  readonly #client: ApiClient;
  readonly #screen: Screen;
  readonly #failed: (error: unknown) => void;
  #session: Session | null = null;
  #view: SessionView;
  #end = new AbortController();
  #following: Promise<void> = Promise.resolve();

  /** `failed` is told of what ends the talk: the session or the key is no longer there. */
  constructor(client: ApiClient, screen: Screen, failed: (error: unknown) => void) {
    this.#client = client;
    this.#screen = screen;
    this.#failed = failed;
    this.#view = new SessionView(screen);
  }

  get busy(): boolean {
    return this.#view.busy;
  }

  /** Opens a session by its id, else the one used last, else a new one. `withPast` shows the end of its history. */
  async open(id: string | null, withPast: boolean): Promise<Session> {
    const session = id === null ? await this.#newest() : await this.#client.get<Session>(`/v1/sessions/${encode(id)}`);
    await this.#switchTo(session ?? (await this.#make()), withPast);
    return this.#current;
  }

  async openNew(): Promise<Session> {
    await this.#switchTo(await this.#make(), false);
    return this.#current;
  }

  async sessions(): Promise<Session[]> {
    return (await this.#client.get<{ sessions: Session[] }>(`/v1/sessions?limit=${LISTED}`)).sessions;
  }

  /** Says something and returns its id once the gateway has it for sure. */
  async say(text: string): Promise<string> {
    const view = this.#view;
    view.typed(text);
    try {
      return await this.#send(this.#current.session_id, text);
    } catch (error) {
      view.untyped(text);
      throw error;
    }
  }

  /** Resolves when a message is answered; rejects `unavailable` when that takes longer than any run may. */
  async answered(messageId: string): Promise<void> {
    const end = AbortSignal.any([this.#end.signal, AbortSignal.timeout(ANSWER_MS)]);
    await this.#view.answered(messageId, end);
    if (end.aborted) throw new GatewayError("unavailable", "There was no answer.");
  }

  async stop(): Promise<void> {
    await this.#client.post(`/v1/sessions/${this.#current.session_id}/stop`);
    this.#view.stopped();
  }

  /** Decides what was asked first of all that is open. Rejects `not_found` when nothing is. */
  async decide(decision: "approved" | "denied"): Promise<void> {
    const at = `/v1/sessions/${this.#current.session_id}/approvals`;
    const { approvals } = await this.#client.get<{ approvals: { approval_id: string }[] }>(at);
    if (!approvals[0]) throw new GatewayError("not_found", "Nothing waits for a decision.");
    await this.#client.post(`${at}/${encode(approvals[0].approval_id)}`, { decision });
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#following;
  }

  get #current(): Session {
    if (this.#session === null) throw new Error("no session is open");
    return this.#session;
  }

  async #newest(): Promise<Session | null> {
    return (await this.#client.get<{ sessions: Session[] }>("/v1/sessions?limit=1")).sessions[0] ?? null;
  }

  #make(): Promise<Session> {
    return this.#client.post<Session>("/v1/sessions");
  }

  async #switchTo(session: Session, withPast: boolean): Promise<void> {
    await this.close();
    this.#session = session;
    this.#view = new SessionView(this.#screen);
    this.#end = new AbortController();
    const seq = withPast ? Math.max(0, session.head_seq - SHOWN_HISTORY) : session.head_seq;
    const opened = Promise.withResolvers<void>();
    this.#following = this.#follow(session.session_id, String(seq), this.#view, this.#end.signal, opened.resolve).catch(
      (error: unknown) => {
        opened.reject(error);
        this.#failed(error);
      },
    );
    await opened.promise;
  }

  /** Until the abort; rejects when it makes no sense to come again. */
  async #follow(
    session: string,
    from: string,
    view: SessionView,
    signal: AbortSignal,
    opened: () => void,
  ): Promise<void> {
    let cursor = from;
    let tries = 0;
    const back = (): void => {
      if (tries > 1) this.#screen.note("(connected again)");
      tries = 0;
      opened();
    };
    const take = (event: ApiEvent): void => {
      if (event.id !== "") cursor = event.id;
      view.show(event);
    };
    while (!signal.aborted) {
      try {
        for await (const event of this.#client.events(session, cursor, signal, back)) take(event);
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      tries++;
      // A stream that only ended is opened again without a word.
      if (tries === 2) this.#screen.note("(the gateway is away; reconnecting…)");
      if (!signal.aborted) await sleep(pauseMs(tries), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Repeats with the same key, so that a lost answer doubles nothing. */
  async #send(session: string, text: string): Promise<string> {
    const key = randomUUID();
    const until = performance.now() + SEND_MS;
    for (let tries = 1; ; tries++) {
      try {
        const path = `/v1/sessions/${session}/messages`;
        return (await this.#client.post<{ message_id: string }>(path, { text }, { "idempotency-key": key })).message_id;
      } catch (error) {
        if (!isPassing(error) || this.#end.signal.aborted || performance.now() > until) throw error;
        await sleep(pauseMs(tries));
      }
    }
  }
}

function isPassing(error: unknown): boolean {
  return ["unavailable", "rate_limited", "internal"].includes(errorCode(error));
}

function pauseMs(tries: number): number {
  return Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** (tries - 1));
}

function encode(id: string): string {
  return encodeURIComponent(id);
}
