import { ApiProblem, callApi } from "../kit/api.ts";
import type { SentEvent } from "../kit/read-events.ts";
import { Store } from "../kit/store.ts";
import { filesOf } from "./attachments.ts";
import type { RunEnd } from "./live-run.ts";
import type { Outbox } from "./outbox.ts";
import {
  addOlder,
  dropWithdrawn,
  EMPTY_TALK,
  isBusy,
  keepWaiting,
  readEvent,
  recordEnds,
  recordThoughts,
  type Talk,
} from "./talk.ts";
import { type FeedState, followTalk } from "./talk-feed.ts";
import { isKnown } from "./talk-rows.ts";
import type { SentFile, WireHistory, WireRun, WireSession, WireThought } from "./wire.ts";

export interface Vote {
  rating: 1 | -1;
  comment: string;
}

export interface TalkView {
  session: WireSession | null;
  load: "loading" | "ready" | "missing" | "failed";
  problem: string;
  talk: Talk;
  feed: FeedState | "joining";
  loadingOlder: boolean;
  votes: Readonly<Record<string, Vote>>;
}

const PAGE = 60;
/** Until a talk that could not be loaded is tried again by itself. */
const AGAIN_MS = 2_000;
const FINAL = /^run\.(completed|failed|cancelled)$/;
/** What waits when a run ends has its own run within this time, or was withdrawn. */
const WITHDRAWN_MS = 2_500;

/** One session on the page: reads it, follows it until `close`, and does what people want of it. */
export class OpenTalk {
  readonly id: string;
  /** It was begun on this page. */
  readonly fresh: boolean;
  readonly view = new Store<TalkView>({
    session: null,
    load: "loading",
    problem: "",
    talk: EMPTY_TALK,
    feed: "joining",
    loadingOlder: false,
    votes: {},
  });
  readonly #outbox: Outbox;
  readonly #signedOut: () => void;
  /** A run has ended: its session is to be told of anew. */
  readonly #moved: () => void;
  #feed: ReturnType<typeof followTalk> | null = null;
  #rated: Promise<unknown> = Promise.resolve();
  /** What was taken back on this page. */
  readonly #withdrawn = new Set<string>();
  #closed = false;

  constructor(id: string, parts: { fresh: boolean; outbox: Outbox; signedOut: () => void; moved: () => void }) {
    this.id = id;
    this.fresh = parts.fresh;
    this.#outbox = parts.outbox;
    this.#signedOut = parts.signedOut;
    this.#moved = parts.moved;
  }

  async open(): Promise<void> {
    try {
      const session = await this.#call<WireSession>("GET", "?limit=1");
      const after = Math.max(0, session.head_seq - PAGE);
      const page = await this.#call<WireHistory>("GET", `/messages?after=${after}&limit=200`);
      if (this.#closed) return;
      const messages = page.messages.filter(({ seq }) => seq !== null);
      const talk = { ...EMPTY_TALK, messages, hasOlder: after > 0, cursor: page.next_cursor };
      this.view.change({ session, talk, load: "ready" });
      this.#follow();
    } catch (error) {
      return this.#failed(error);
    }
    // The talk can be read without them.
    await Promise.allSettled([this.#readEnds(), this.#readVotes(), this.#readThoughts()]);
  }

  close(): void {
    this.#closed = true;
    this.#feed?.stop();
  }

  async loadOlder(): Promise<void> {
    const { talk, loadingOlder } = this.view.value;
    const first = talk.messages[0]?.seq;
    if (loadingOlder || !talk.hasOlder || first == null) return;
    this.view.change({ loadingOlder: true });
    try {
      const after = Math.max(0, first - 1 - PAGE);
      const page = await this.#call<WireHistory>("GET", `/messages?after=${after}&limit=${PAGE}`);
      const now = this.view.value.talk;
      // Of a talk that was read anew meanwhile, this may be far from what is there.
      const fits = now.messages[0]?.seq === first;
      this.view.change({ loadingOlder: false, ...(fits && { talk: addOlder(now, page.messages, after > 0) }) });
    } catch {
      // Scrolling up asks again.
      this.view.change({ loadingOlder: false });
    }
  }

  /** Ends the answer and takes back what waits; resolves with what was taken back. */
  async stopAnswer(): Promise<{ text: string; files: SentFile[] }> {
    const { message_ids: ids } = await this.#call<{ message_ids: string[] }>("POST", "/stop");
    for (const id of ids) this.#withdrawn.add(id);
    const { talk } = this.view.value;
    const told = talk.accepted.filter(({ message_id: id }) => ids.includes(id));
    // Of some the gateway has told by its answer alone.
    const untold = this.#outbox.entries.value.filter(
      ({ messageId: id }) => id !== null && ids.includes(id) && !isKnown(talk, id),
    );
    for (const { key } of untold) this.#outbox.drop(key);
    this.view.change({ talk: dropWithdrawn(this.view.value.talk, this.#withdrawn) });
    const words = [...told, ...untold].map(({ text }) => text).filter((text) => text !== "");
    return { text: words.join("\n\n"), files: [...filesOf(told), ...untold.flatMap(({ files }) => files)] };
  }

  async decide(approval: string, decision: "approved" | "denied"): Promise<void> {
    await this.#call("POST", `/approvals/${approval}`, { decision });
  }

  /** One after the other: what was said last counts, however long the way of a press before it is. */
  async rate(runId: string, vote: Vote): Promise<void> {
    const { [runId]: before, ...others } = this.view.value.votes;
    this.view.change({ votes: { ...others, [runId]: vote } });
    const body = { ...vote, run_id: runId, session_id: this.id, source: "web" };
    const sent = this.#rated.then(() => callApi("POST", "/v1/feedback", { body }));
    this.#rated = sent.catch(() => undefined);
    try {
      await sent;
    } catch (error) {
      const { [runId]: shown, ...rest } = this.view.value.votes;
      if (shown === vote) this.view.change({ votes: before ? { ...rest, [runId]: before } : rest });
      throw error;
    }
  }

  /** What stands in the talk is no longer on its way. */
  dropKnown(): void {
    const { talk } = this.view.value;
    for (const { key, session, messageId } of this.#outbox.entries.value) {
      if (session === this.id && messageId !== null && isKnown(talk, messageId)) this.#outbox.drop(key);
    }
  }

  hurry(): void {
    this.#feed?.hurry();
  }

  #follow(): void {
    this.#feed = followTalk({
      session: this.id,
      cursor: () => this.view.value.talk.cursor,
      isBusy: () => isBusy(this.view.value.talk) || this.#isSending(),
      take: (events) => this.#take(events),
      tell: (feed) => this.view.change({ feed }),
      lost: (problem) => {
        // The history was cut behind the cursor: it is read anew.
        if (problem.status === 400) void this.#reopen();
        else this.#failed(problem);
      },
    });
  }

  async #reopen(): Promise<void> {
    this.#feed?.stop();
    this.view.change({ talk: EMPTY_TALK, load: "loading" });
    await this.open();
  }

  #take(events: SentEvent[]): void {
    // One that came in before it was withdrawn may be told of only now.
    const talk = dropWithdrawn(events.reduce(readEvent, this.view.value.talk), this.#withdrawn);
    this.view.change({ talk });
    this.dropKnown();
    if (!events.some(({ event }) => FINAL.test(event))) return;
    this.#moved();
    void this.#readTitle().catch(() => undefined);
    setTimeout(() => {
      if (!this.#closed && (talk.accepted.length > 0 || this.#isSending()))
        void this.#lookWhatWaits().catch(() => undefined);
    }, WITHDRAWN_MS);
  }

  /** The first answer gives a talk its name. */
  async #readTitle(): Promise<void> {
    if (this.view.value.session?.title === "") this.view.change({ session: await this.#call("GET", "?limit=1") });
  }

  #isSending(): boolean {
    return this.#outbox.entries.value.some(({ session, refused }) => session === this.id && refused === null);
  }

  async #lookWhatWaits(): Promise<void> {
    const { talk } = this.view.value;
    const sent = this.#outbox.entries.value.filter(
      ({ session, messageId }) => session === this.id && messageId !== null,
    );
    const after = talk.messages.at(-1)?.seq ?? 0;
    const page = await this.#call<WireHistory>("GET", `/messages?after=${after}&limit=200`);
    const ids = new Set(page.messages.map(({ message_id: id }) => id));
    const now = keepWaiting(this.view.value.talk, ids, talk.accepted);
    for (const { key, messageId } of sent) {
      if (!ids.has(messageId!) && !isKnown(now, messageId!)) this.#outbox.drop(key);
    }
    this.view.change({ talk: now });
  }

  async #readEnds(): Promise<void> {
    const { runs } = await this.#call<{ runs: WireRun[] }>("GET", "/runs?limit=50&status=failed");
    const ends = Object.fromEntries(
      runs.map(({ run_id: id, error_code: code }): [string, RunEnd] => [
        id,
        { type: "failed", reason: code ?? "", message: "" },
      ]),
    );
    this.view.change({ talk: recordEnds(this.view.value.talk, ends) });
  }

  async #readThoughts(): Promise<void> {
    const { reasoning } = await this.#call<{ reasoning: WireThought[] }>("GET", "/reasoning");
    if (reasoning.length > 0) this.view.change({ talk: recordThoughts(this.view.value.talk, reasoning) });
  }

  async #readVotes(): Promise<void> {
    const query = new URLSearchParams({ session_id: this.id, source: "web", limit: "200" });
    const rows = await callApi<{ run_id: string | null; rating: 1 | -1; comment: string | null }[]>(
      "GET",
      `/v1/feedback?${query}`,
    );
    const votes = Object.fromEntries(
      rows.flatMap(({ run_id: run, rating, comment }) => (run ? [[run, { rating, comment: comment ?? "" }]] : [])),
    );
    this.view.change({ votes: { ...votes, ...this.view.value.votes } });
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    if (!(error instanceof ApiProblem)) throw error;
    this.#feed?.stop();
    if (error.status === 401) return this.#signedOut();
    this.view.change({ load: error.status === 404 ? "missing" : "failed", problem: error.message });
    const passing = error.status === 0 || error.status === 429 || error.status >= 500;
    if (passing) setTimeout(() => void this.#openAgain(), Math.max(AGAIN_MS, error.retryAfterMs ?? 0));
  }

  async #openAgain(): Promise<void> {
    if (!this.#closed && this.view.value.load === "failed") await this.open();
  }

  #call<T>(method: string, path: string, body?: object): Promise<T> {
    return callApi<T>(method, `/v1/sessions/${encodeURIComponent(this.id)}${path}`, body ? { body } : {});
  }
}
