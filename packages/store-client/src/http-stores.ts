import {
  type ChatMessage,
  type FeedbackStore,
  type SessionStore,
  StoreError,
  type StoredFeedback,
  type Stores,
  type Trace,
  type TraceStore,
} from "./stores.ts";

/** Of this client; a server tells the oldest that it understands. */
const CLIENT_VERSION = "1.0.0";
/** The first number of the API that this client speaks. */
const API = 1;
const ANSWER_MS = 30_000;

export interface StoreServer {
  /** Of the gateway, for example `http://127.0.0.1:3000`. */
  url: string;
  /** Of the agent. */
  key: string;
  /** How long an answer may take. */
  timeoutMs?: number;
}

/** Stores on a gateway. Rejects `incompatible` if client and server do not understand each other. */
export async function openStores(server: StoreServer): Promise<Stores> {
  const call = caller(server);
  const { status, body } = await call("GET", "/v1/version");
  const { service, api, min_client: least } = status === 200 ? (body as Record<string, unknown>) : {};
  if (service !== "parley" || typeof api !== "string" || typeof least !== "string") {
    throw new StoreError("incompatible", `${server.url} is no Parley gateway that this client knows.`);
  }
  if (Number(api.split(".")[0]) !== API) {
    throw new StoreError("incompatible", `${server.url} speaks API ${api}; this client speaks API ${API}.`);
  }
  if (isOlder(CLIENT_VERSION, least)) {
    throw new StoreError("incompatible", `${server.url} needs client ${least}; this is ${CLIENT_VERSION}. Update it.`);
  }
  return { sessions: httpSessions(call), traces: httpTraces(call), feedback: httpFeedback(call) };
}

type Call = (method: string, path: string, send?: unknown) => Promise<{ status: number; body: unknown }>;

function caller({ url, key, timeoutMs = ANSWER_MS }: StoreServer): Call {
  const base = url.replace(/\/+$/, "");
  return async (method, path, send) => {
    try {
      const response = await fetch(base + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(send === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(send === undefined ? {} : { body: JSON.stringify(send) }),
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      const isJson = /^application\/(problem\+)?json\b/.test(response.headers.get("content-type") ?? "");
      return { status: response.status, body: isJson && text !== "" ? (JSON.parse(text) as unknown) : null };
    } catch (error) {
      throw new StoreError("unavailable", `${base} does not answer.`, { cause: error });
    }
  };
}

/** The body of an answer that is no refusal. */
async function done<T>(answer: ReturnType<Call>): Promise<T> {
  const { status, body } = await answer;
  if (status < 300) return body as T;
  const { code, detail } = (body ?? {}) as { code?: string; detail?: string };
  throw new StoreError(
    code ?? (status >= 500 ? "unavailable" : "invalid"),
    detail ?? `The gateway answered ${status}.`,
  );
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  return answer.catch((error: unknown) => {
    if (error instanceof StoreError && error.code === "not_found") return null;
    throw error;
  });
}

function httpSessions(call: Call): SessionStore {
  return {
    async create(id) {
      const made = done<{ session_id: string }>(
        call("POST", "/v1/sessions", id === undefined ? {} : { session_id: id }),
      );
      return (await made).session_id;
    },
    async load(id) {
      return (await orNull(done<{ messages: ChatMessage[] }>(call("GET", sessionAt(id)))))?.messages ?? null;
    },
    async save(id, messages) {
      await done(call("PUT", sessionAt(id), { messages }));
    },
    async costs(id) {
      const found = done<{ cost_data: Record<string, unknown> }>(call("GET", `${sessionAt(id)}/cost_data`));
      return (await orNull(found))?.cost_data ?? null;
    },
    async addCosts(id, fields) {
      await done(call("PATCH", sessionAt(id), { cost_data: fields }));
    },
    async delete(id) {
      return (await orNull(done(call("DELETE", sessionAt(id))))) !== null;
    },
    async fork(id, count) {
      const wanted = count === undefined ? {} : { from_message_index: count };
      const made = await done<{ session_id: string; message_count: number }>(
        call("POST", `${sessionAt(id)}/fork`, wanted),
      );
      return { id: made.session_id, messages: made.message_count };
    },
    async revert(id, count) {
      await done(call("POST", `${sessionAt(id)}/revert`, { to_message_index: count }));
    },
  };
}

function httpTraces(call: Call): TraceStore {
  return {
    async write(trace) {
      await done(call("POST", "/v1/traces", trace));
    },
    async read(id) {
      return orNull(done<Trace>(call("GET", `/v1/traces/${encodeURIComponent(id)}`)));
    },
  };
}

interface FeedbackBody {
  feedback_id: string;
  rating: 1 | -1;
  comment: string | null;
}

function httpFeedback(call: Call): FeedbackStore {
  return {
    async add({ session, trace, ...opinion }) {
      const about = {
        ...(session === undefined ? {} : { session_id: session }),
        ...(trace === undefined ? {} : { trace_id: trace }),
      };
      return (await done<FeedbackBody>(call("POST", "/v1/feedback", { ...opinion, ...about }))).feedback_id;
    },
    async get(id) {
      const found = await orNull(done<FeedbackBody>(call("GET", feedbackAt(id))));
      return found && stored(found);
    },
    async change(id, change) {
      await done(call("PATCH", feedbackAt(id), change));
    },
    async list({ session, rating }) {
      const query = new URLSearchParams({
        session_id: session,
        ...(rating === undefined ? {} : { rating: String(rating) }),
      });
      return (await done<FeedbackBody[]>(call("GET", `/v1/feedback?${query.toString()}`))).map(stored);
    },
  };
}

function stored({ feedback_id: id, rating, comment }: FeedbackBody): StoredFeedback {
  return { id, rating, comment };
}

function isOlder(version: string, least: string): boolean {
  const [mine, theirs] = [version, least].map((text) => text.split(".").map(Number));
  for (let at = 0; at < 3; at++) {
    if ((mine![at] ?? 0) !== (theirs![at] ?? 0)) return (mine![at] ?? 0) < (theirs![at] ?? 0);
  }
  return false;
}

function sessionAt(id: string): string {
  return `/v1/sessions/${encodeURIComponent(id)}`;
}

function feedbackAt(id: string): string {
  return `/v1/feedback/${encodeURIComponent(id)}`;
}
