import { ApiProblem, callApi } from "../kit/api.ts";
import { Store } from "../kit/store.ts";
import type { WireSession } from "./wire.ts";

export interface SessionListView {
  /** Last used first. */
  sessions: readonly WireSession[];
  /** Where the list goes on; null = that is all. */
  next: string | null;
  words: string;
  state: "loading" | "ready" | "failed";
  /** Deleted, but not for good yet. */
  removed: ReadonlySet<string>;
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
  readonly #going = new Set<string[]>();
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
    addEventListener("pagehide", () => void this.finish());
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

  async rename(session: WireSession, title: string): Promise<void> {
    this.put({ ...session, title });
    try {
      const renamed = await callApi<WireSession>("PATCH", `/v1/sessions/${session.session_id}`, { body: { title } });
      this.put({ ...renamed, updated_at: session.updated_at });
    } catch (error) {
      this.put(session);
      throw error;
    }
  }

  /** Gone from the list at once, until `undo` (false = too late) or, for good, `finish`. */
  remove(ids: string[], failed: (problem: string) => void): { undo: () => boolean; finish: () => void } {
    this.#going.add(ids);
    this.#hide(ids, true);
    return {
      undo: () => {
        const inTime = this.#going.delete(ids);
        if (inTime) this.#hide(ids, false);
        return inTime;
      },
      finish: () => {
        if (!this.#going.delete(ids)) return;
        Promise.all(ids.map((id) => remove(id, false))).then(
          () => this.look(),
          (error: unknown) => {
            this.#hide(ids, false);
            failed(error instanceof Error ? error.message : "");
          },
        );
      },
    };
  }

  /** For whoever leaves: nothing that was deleted stays because its undo was still there. */
  async finish(): Promise<void> {
    const ids = [...this.#going].flat();
    this.#going.clear();
    await Promise.allSettled(ids.map((id) => remove(id, true)));
  }

  #hide(ids: string[], hidden: boolean): void {
    const removed = new Set(this.view.value.removed);
    for (const id of ids)
      if (hidden) removed.add(id);
      else removed.delete(id);
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

async function remove(id: string, keepalive: boolean): Promise<void> {
  try {
    await callApi("DELETE", `/v1/sessions/${encodeURIComponent(id)}`, { keepalive });
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
  }
}
