import { ApiProblem, callApi } from "../kit/api.ts";
import { newKey } from "../kit/new-key.ts";
import { Store } from "../kit/store.ts";
import type { Sending } from "./talk-rows.ts";
import type { SentFile, WireSession } from "./wire.ts";

export interface OutboxEntry extends Sending {
  /** Null = its session is made with it. */
  session: string | null;
  /** Of the session that is made with it; null = the gateway's choice. */
  agent: string | null;
}

const PREFIX = "parley.outbox.";
const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000];
/** Older ones would surprise whoever wrote them. */
const MAX_AGE_MS = 24 * 60 * 60 * 1_000;

/**
 * What was written and is not known to be stored. Each entry has its key before it is sent for the first time, and lies
 * in the browser's storage until the gateway has it: neither a reload nor a lost answer loses it or sends it twice.
 */
export class Outbox {
  readonly entries = new Store<readonly OutboxEntry[]>([]);
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #made: (entry: OutboxEntry, session: WireSession) => void;

  /** `made`: a session was made for an entry. */
  constructor(made: (entry: OutboxEntry, session: WireSession) => void) {
    this.#made = made;
  }

  /** Goes on with what an earlier page left. */
  resume(): void {
    const kept = Object.keys(localStorage)
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => ({ files: [], ...JSON.parse(localStorage.getItem(name)!) }) as OutboxEntry)
      .filter((entry) => {
        const isNew = Date.now() - Date.parse(entry.at) < MAX_AGE_MS;
        if (!isNew) localStorage.removeItem(PREFIX + entry.key);
        return isNew;
      })
      .toSorted((one, other) => (one.at < other.at ? -1 : 1));
    const since = this.entries.value.filter(({ key }) => !kept.some((entry) => entry.key === key));
    this.entries.set([...kept, ...since]);
    for (const entry of kept) if (entry.refused === null) this.#line(entry);
  }

  send(session: string | null, agent: string | null, text: string, files: readonly SentFile[] = []): OutboxEntry {
    const at = new Date().toISOString();
    const key = newKey();
    const entry: OutboxEntry = { key, session, agent, text, files, at, messageId: null, refused: null, late: false };
    this.entries.set([...this.entries.value, entry]);
    keep(entry);
    this.#line(entry);
    return entry;
  }

  retry(key: string): void {
    this.#change(key, { refused: null });
    const entry = this.#find(key);
    if (entry) this.#line(entry);
  }

  /** Away with it: it is shown elsewhere, or nobody wants it any more. */
  drop(key: string): void {
    localStorage.removeItem(PREFIX + key);
    this.entries.set(this.entries.value.filter((entry) => entry.key !== key));
  }

  /** Of whoever signs out, nothing is sent in somebody else's name. */
  forget(): void {
    for (const { key } of this.entries.value) this.drop(key);
  }

  /** What is said in one talk is sent in its order, so that what is late is not overtaken. */
  #line({ key, session }: OutboxEntry): void {
    const lane = session ?? key;
    const deliver = () => this.#deliver(key);
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? Promise.resolve()).then(deliver, deliver));
  }

  async #deliver(key: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      const entry = this.#find(key);
      if (!entry || entry.messageId !== null || entry.refused !== null) return;
      try {
        const session = entry.session ?? (await this.#makeSession(entry));
        const files = entry.files.map(({ file }) => file);
        const { message_id: messageId } = await callApi<{ message_id: string }>(
          "POST",
          `/v1/sessions/${encodeURIComponent(session)}/messages`,
          {
            body: { text: entry.text, ...(files.length > 0 && { files }) },
            headers: { "idempotency-key": key },
            keepalive: entry.text.length < 20_000,
          },
        );
        localStorage.removeItem(PREFIX + key);
        return this.#change(key, { messageId, late: false }, false);
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        // Nobody is signed in: it waits for the next page of whoever is.
        if (error.status === 401) return;
        if (!isPassing(error)) return this.#change(key, { refused: error.message || error.code, late: false });
        this.#change(key, { late: true });
        const pause = PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]!;
        await whenOnline(Math.max(pause, error.retryAfterMs ?? 0));
      }
    }
  }

  async #makeSession(entry: OutboxEntry): Promise<string> {
    const session = await callApi<WireSession>("POST", "/v1/sessions", {
      body: entry.agent === null ? {} : { agent: entry.agent },
      headers: { "idempotency-key": entry.key },
    });
    this.#change(entry.key, { session: session.session_id });
    this.#made(entry, session);
    return session.session_id;
  }

  #find(key: string): OutboxEntry | undefined {
    return this.entries.value.find((entry) => entry.key === key);
  }

  #change(key: string, change: Partial<OutboxEntry>, kept = true): void {
    const entry = this.#find(key);
    if (!entry) return;
    const next = { ...entry, ...change };
    if (kept) keep(next);
    this.entries.set(this.entries.value.map((other) => (other.key === key ? next : other)));
  }
}

function keep(entry: OutboxEntry): void {
  try {
    localStorage.setItem(PREFIX + entry.key, JSON.stringify(entry));
  } catch {
    // A browser without room keeps it for as long as the page is open.
  }
}

/** Asked again with the same key, it may be taken. */
function isPassing({ status }: ApiProblem): boolean {
  return status === 0 || status === 429 || status >= 500;
}

function whenOnline(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    }
    addEventListener("online", done);
  });
}
