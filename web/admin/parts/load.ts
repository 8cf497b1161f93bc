import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiProblem, callApi } from "../../kit/api.ts";

export interface Loaded<T> {
  /** Null = not here yet. What was there stays while it is asked for again. */
  data: T | null;
  problem: ApiProblem | null;
  loading: boolean;
  reload: () => void;
}

/** What an address of the API answers; asked again every `everyMs` while the page is looked at. Null = asks nothing. */
export function useLoad<T>(path: string | null, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; problem: ApiProblem | null }>({
    path,
    data: null,
    problem: null,
  });
  const [loading, setLoading] = useState(path !== null);
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    if (path === null) return undefined;
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      setLoading(true);
      try {
        const data = await callApi<T>("GET", path, { signal: over.signal });
        if (!over.signal.aborted) setState({ path, data, problem: null });
      } catch (error) {
        if (over.signal.aborted) return;
        setState((last) => ({ path, data: last.path === path ? last.data : null, problem: asProblem(error) }));
      }
      if (over.signal.aborted) return;
      setLoading(false);
      if (everyMs > 0) timer = setTimeout(again, everyMs);
    };
    const again = () => {
      if (document.visibilityState === "visible") void ask();
      else document.addEventListener("visibilitychange", again, { once: true });
    };
    void ask();
    return () => {
      over.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [path, everyMs, turn]);

  const reload = useCallback(() => setTurn((last) => last + 1), []);
  const isOld = state.path !== path;
  return { data: isOld ? null : state.data, problem: isOld ? null : state.problem, loading, reload };
}

export interface Page<R> {
  rows: R[];
  next: string | null;
}

export interface Pages<R> {
  /** Null = nothing is here yet. Rows of other filters stay until there are those that are asked for. */
  rows: R[] | null;
  problem: ApiProblem | null;
  loading: boolean;
  hasMore: boolean;
  more: () => void;
  reload: () => void;
}

/** A list that goes on by a cursor. `path` has its filters; `read` finds rows and cursor in an answer. */
export function usePages<R>(path: string, read: (answer: unknown, headers: Headers) => Page<R>): Pages<R> {
  const [state, setState] = useState<{ path: string; rows: R[]; next: string | null } | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [loading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const reader = useRef(read);
  reader.current = read;
  const over = useRef(new AbortController());

  const ask = useCallback(
    async (cursor: string | null) => {
      const { signal } = over.current;
      setLoading(true);
      try {
        let headers = new Headers();
        const address = cursor === null ? path : withQuery(path, { cursor });
        const answer = await callApi("GET", address, { signal, onHeaders: (found) => (headers = found) });
        if (signal.aborted) return;
        const page = reader.current(answer, headers);
        setState((last) => ({
          path,
          rows: cursor !== null && last?.path === path ? [...last.rows, ...page.rows] : page.rows,
          next: page.next,
        }));
        setProblem(null);
      } catch (error) {
        if (signal.aborted) return;
        setProblem(asProblem(error));
      }
      setLoading(false);
    },
    [path],
  );

  useEffect(() => {
    over.current = new AbortController();
    void ask(null);
    return () => over.current.abort();
  }, [ask, turn]);

  const isOld = state?.path !== path;
  return {
    rows: state?.rows ?? null,
    problem,
    loading,
    hasMore: !isOld && state?.next != null,
    more: () => void (state?.next != null && !loading && ask(state.next)),
    reload: () => setTurn((last) => last + 1),
  };
}

/** An address of the API with what is not empty. */
export function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
  const [bare = "", had = ""] = path.split("?");
  const all = new URLSearchParams(had);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") all.set(name, String(value));
  }
  const text = all.toString();
  return text === "" ? bare : `${bare}?${text}`;
}

export function asProblem(error: unknown): ApiProblem {
  return error instanceof ApiProblem ? error : new ApiProblem(0, "internal", String(error));
}

/** For people: what went wrong, and what to do. */
export function wordsOf(problem: ApiProblem): string {
  if (problem.code === "unreachable") return "The gateway does not answer. It is tried again.";
  if (problem.status === 401) return "You are signed out. Sign in again by a new link.";
  if (problem.status === 403) return problem.message || "Your role may not do that.";
  return problem.message === "" ? `The gateway answered ${problem.status}.` : problem.message;
}
