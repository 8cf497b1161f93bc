import { ApiProblem, callApi } from "../kit/api.ts";
import { EventParser, type SentEvent } from "../kit/read-events.ts";

/** live: events come by themselves; asking: a proxy holds them back, so the page asks; offline: nothing comes. */
export type FeedState = "live" | "asking" | "offline";

export interface FeedOptions {
  session: string;
  /** After which event to go on; asked before each attempt. */
  cursor: () => string;
  /** Something is expected, so silence is worth a question. */
  isBusy: () => boolean;
  take: (events: SentEvent[]) => void;
  tell: (state: FeedState) => void;
  /** The session is not there (any more), the cursor is none, or nobody is signed in: following ends. */
  lost: (problem: ApiProblem) => void;
}

/** The gateway's first line comes at once; a stream without it is held back somewhere. */
const OPENING_MS = 4_000;
/** Silence while something is expected. A tool may take longer, so it only leads to a question. */
const QUIET_MS = 4_000;
/** The gateway sends a comment every 15 s. */
const DEAD_MS = 25_000;
/** How long the page asks before it tries to follow again. */
const ASKING_MS = 60_000;
const WAIT_S = { busy: 1, idle: 5 };
const PAUSES_MS = [300, 1_000, 2_000, 4_000, 8_000];
/** A page that nobody sees gives its connection back: browsers have few for one address. */
const HIDDEN_MS = 30_000;

/** Follows a session until `stop`: by a stream, and by asking where streams do not come through. */
export function followTalk(options: FeedOptions): { stop: () => void; hurry: () => void } {
  const ended = new AbortController();
  let wake: (() => void) | null = null;
  let failures = 0;
  let askUntil = 0;

  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      await untilSeen(ended.signal);
      if (ended.signal.aborted) return;
      const asking = performance.now() < askUntil;
      try {
        await (asking ? ask() : follow());
        failures = 0;
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof ApiProblem && isLost(error)) return options.lost(error);
        // A way that lets a question through and no stream, twice in a row, lets none through.
        if (!asking && (await isAnswered()) && failures > 0) {
          askUntil = performance.now() + ASKING_MS;
          continue;
        }
        // What is over in a second is nothing to tell of.
        if (failures > 0) options.tell("offline");
        const wanted = error instanceof ApiProblem ? (error.retryAfterMs ?? 0) : 0;
        await pause(Math.max(wanted, PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]!));
      }
    }
  }

  /** Resolves when the stream ends in good order or is given up; rejects when it cannot be had. */
  async function follow(): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([ended.signal, over.signal]);
    let heard = performance.now();
    let opened = false;
    let checking = false;
    let seenAt = performance.now();
    const watch = setInterval(() => {
      const silence = performance.now() - heard;
      if (!document.hidden || options.isBusy()) seenAt = performance.now();
      if (!opened && silence > OPENING_MS) {
        askUntil = performance.now() + ASKING_MS;
        over.abort();
      } else if (silence > DEAD_MS || performance.now() - seenAt > HIDDEN_MS) over.abort();
      else if (opened && silence > QUIET_MS && options.isBusy() && !checking) {
        checking = true;
        void check().finally(() => (checking = false));
      }
    }, 500);
    /** Whether there is something that the stream should have brought. */
    async function check(): Promise<void> {
      const before = heard;
      const events = await readNews(signal, 0).catch(() => []);
      if (heard !== before || signal.aborted) return;
      heard = performance.now();
      if (events.length === 0) return;
      options.take(events);
      askUntil = performance.now() + ASKING_MS;
      over.abort();
    }
    try {
      const answer = await fetch(pathOf("events"), {
        headers: { accept: "text/event-stream", "last-event-id": options.cursor() },
        signal,
        credentials: "same-origin",
        cache: "no-store",
      });
      // Over plain http browsers do not say where a reading request comes from, and a stream wants to know.
      if (answer.status === 403) {
        askUntil = performance.now() + ASKING_MS;
        return;
      }
      if (!answer.ok || !answer.body) throw await problemOf(answer);
      const parser = new EventParser();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        heard = performance.now();
        if (!opened) options.tell("live");
        opened = true;
        failures = 0;
        const events = parser.push(value);
        if (events.length > 0) options.take(events);
      }
      // A gateway that ends a stream in good order is there again, or another one is, in a moment.
      await pause(PAUSES_MS[0]!);
    } catch (error) {
      if (!over.signal.aborted || ended.signal.aborted) throw error;
    } finally {
      clearInterval(watch);
      over.abort();
    }
  }

  async function ask(): Promise<void> {
    const events = await readNews(ended.signal, options.isBusy() ? WAIT_S.busy : WAIT_S.idle);
    options.tell("asking");
    if (events.length > 0) options.take(events);
  }

  async function isAnswered(): Promise<boolean> {
    try {
      const events = await readNews(ended.signal, 0);
      if (events.length > 0) options.take(events);
      return true;
    } catch {
      return false;
    }
  }

  async function readNews(signal: AbortSignal, wait: number): Promise<SentEvent[]> {
    const query = new URLSearchParams({ after: options.cursor(), wait: String(wait) });
    const { events } = await callApi<{ events: SentEvent[] }>("GET", `${pathOf("news")}?${query}`, { signal });
    return events;
  }

  function pathOf(name: string): string {
    return `/v1/sessions/${encodeURIComponent(options.session)}/${name}`;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        removeEventListener("online", done);
        wake = null;
        resolve();
      }
      wake = done;
      addEventListener("online", done);
      ended.signal.addEventListener("abort", done, { once: true });
    });
  }

  void run();
  return { stop: () => ended.abort(), hurry: () => wake?.() };
}

function isLost({ status }: ApiProblem): boolean {
  return status === 400 || status === 401 || status === 403 || status === 404;
}

async function problemOf(answer: Response): Promise<ApiProblem> {
  const body = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string };
  const wait = Number(answer.headers.get("retry-after") ?? 0) * 1_000;
  return new ApiProblem(answer.status, body.code ?? "internal", body.detail ?? "", wait || null);
}

function untilSeen(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}
