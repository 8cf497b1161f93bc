import { ApiProblem, callApi } from "../kit/api.ts";
import { Store } from "../kit/store.ts";
import { pathOf, rootOf, versionsOf } from "./branches.ts";
import type { WireSession } from "./wire.ts";

export interface SessionListView {
  /** Last used first. */
  sessions: readonly WireSession[];
  /** Where the list goes on; null = that is all. */
  next: string | null;
  words: string;
  state: "loading" | "ready" | "failed";
  /** The first sessions of talks that are deleted, but not for good yet. */
  removed: ReadonlySet<string>;
}

/** What is deleted if the page goes away before the time for taking it back is over. */
interface Going {
  /** Those that are known by now. */
  ids: readonly string[];
  all: Promise<readonly string[]>;
}

const PAGE = 100;
const LOOK_MS = 10_000;

/** The person's sessions as the sidebar lists them: a page at a time, looked at again while the page is seen. */
export class SessionList {
  readonly view = new Store<SessionListView>({
    sessions: [],
    next: null,
    words: "",
    state: "loading",
    removed: new Set(),
  });
  readonly #signedOut: () => void;
  /** Whose they are; null = whatever there is, of whoever sees their own alone. */
  #user: string | null = null;
  #timer = 0;
  readonly #going = new Set<Going>();
  #asked = 0;
  #more = false;

  constructor(signedOut: () => void) {
    this.#signedOut = signedOut;
  }

  start(user: string | null): void {
    this.#user = user;
    void this.look();
    this.#timer = window.setInterval(() => {
      if (!document.hidden) void this.look();
    }, LOOK_MS);
    addEventListener("pagehide", () => this.#leave());
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The first page anew; what was loaded behind it stays. */
  async look(): Promise<void> {
    const { words } = this.view.value;
    const asked = ++this.#asked;
    try {
      const page = await readPage(words, null, this.#user);
      if (asked !== this.#asked) return;
      const ids = new Set(page.sessions.map(({ id }) => id));
      const last = page.sessions.at(-1)?.updated_at ?? "";
      const before = this.view.value;
      const rest = page.next_cursor === null ? [] : before.sessions.filter((row) => isBehind(row, ids, last));
      const names = new Map(before.sessions.map(({ id, title }) => [id, title]));
      // Until its first answer has named it, a talk is called as it was begun here.
      const fresh = page.sessions.map((row) => (row.title === "" ? { ...row, title: names.get(row.id) ?? "" } : row));
      this.view.change({
        sessions: [...fresh, ...rest],
        next: rest.length > 0 ? before.next : page.next_cursor,
        state: "ready",
      });
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) return this.#signedOut();
      if (this.view.value.state === "loading") this.view.change({ state: "failed" });
    }
  }

  async loadMore(): Promise<void> {
    const { next, words } = this.view.value;
    if (next === null || this.#more) return;
    this.#more = true;
    try {
      const page = await readPage(words, next, this.#user);
      if (words !== this.view.value.words) return;
      const ids = new Set(page.sessions.map(({ id }) => id));
      const known = this.view.value.sessions.filter(({ id }) => !ids.has(id));
      this.view.change({ sessions: [...known, ...page.sessions], next: page.next_cursor });
    } catch {
      // Scrolling on asks again.
    } finally {
      this.#more = false;
    }
  }

  search(words: string): void {
    if (words === this.view.value.words) return;
    this.view.change({ words, sessions: [], next: null, state: "loading" });
    void this.look();
  }

  /** Shows one that was made or changed here, before the next look. */
  put(session: WireSession): void {
    const others = this.view.value.sessions.filter(({ id }) => id !== session.id);
    const sessions = [session, ...others].toSorted((one, other) => (one.updated_at < other.updated_at ? 1 : -1));
    this.view.change({ sessions });
  }

  /** Every version of it, also those that are not listed. */
  async rename(session: WireSession, title: string): Promise<void> {
    const titles = new Map(this.view.value.sessions.map((row) => [row.id, row.title]));
    this.#retitle(session, () => title);
    try {
      const ids = await versionsOf(session);
      await Promise.all(ids.map(async (id) => unlessGone(callApi("PATCH", pathOf(id), { body: { title } }))));
      this.#retitle(session, () => title);
    } catch (error) {
      this.#retitle(session, (row) => titles.get(row.id) ?? row.title);
      throw error;
    }
  }

  /**
   * Every version of it, also those that are not listed: gone from the list at once, until `undo` (false = too late) or,
   * for good, `finish`.
   */
  remove(session: WireSession, failed: (problem: string) => void): { undo: () => boolean; finish: () => void } {
    const root = rootOf(session);
    const going: Going = { ids: [session.session_id], all: versionsOf(session) };
    // Whether they are known is asked when they go.
    going.all.then(
      (ids) => (going.ids = ids),
      () => undefined,
    );
    this.#going.add(going);
    this.#hide(root, true);
    return {
      undo: () => {
        const inTime = this.#going.delete(going);
        if (inTime) this.#hide(root, false);
        return inTime;
      },
      finish: () => {
        if (!this.#going.delete(going)) return;
        const all = going.all.catch(() => versionsOf(session));
        all.then(removeAll).then(
          () => this.look(),
          (error: unknown) => {
            this.#hide(root, false);
            failed(error instanceof Error ? error.message : "");
          },
        );
      },
    };
  }

  /** For whoever signs out: nothing that was deleted stays because its undo was still there. */
  async finish(): Promise<void> {
    const going = [...this.#going];
    this.#going.clear();
    await Promise.allSettled(going.map(async ({ all }) => removeAll(await all)));
  }

  /** The same for a page that closes, which waits for nothing. */
  #leave(): void {
    const ids = [...this.#going].flatMap((going) => going.ids);
    this.#going.clear();
    for (const id of ids) void remove(id, true).catch(() => undefined);
  }

  #retitle(session: WireSession, titleOf: (row: WireSession) => string): void {
    const sessions = this.view.value.sessions.map((row) =>
      rootOf(row) === rootOf(session) ? { ...row, title: titleOf(row) } : row,
    );
    this.view.change({ sessions });
  }

  #hide(root: string, hidden: boolean): void {
    const removed = new Set(this.view.value.removed);
    if (hidden) removed.add(root);
    else removed.delete(root);
    this.view.change({ removed });
  }
}

function isBehind({ id, updated_at: at }: WireSession, ids: ReadonlySet<string>, last: string): boolean {
  return !ids.has(id) && at <= last;
}

function readPage(
  words: string,
  cursor: string | null,
  user: string | null,
): Promise<{ sessions: WireSession[]; next_cursor: string | null }> {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (user !== null) query.set("user_id", user);
  if (words !== "") query.set("q", words);
  if (cursor !== null) query.set("cursor", cursor);
  return callApi("GET", `/v1/sessions?${query}`);
}

async function removeAll(ids: readonly string[]): Promise<void> {
  const others = ids.slice(0, -1);
  await Promise.all(others.map(async (id) => remove(id, false)));
  for (const id of ids.slice(-1)) await remove(id, false);
}

function remove(id: string, keepalive: boolean): Promise<void> {
  return unlessGone(callApi("DELETE", pathOf(id), { keepalive }));
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
  }
}
