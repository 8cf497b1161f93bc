import { randomUUID } from "node:crypto";
import { type ChatMessage, StoreError, type StoredFeedback, type Stores, type Trace } from "./stores.ts";

interface Held {
  messages: ChatMessage[];
  costs: Record<string, unknown>;
}

/** Stores that live and end with the process; for tests. */
export function memoryStores(): Stores {
  const sessions = new Map<string, Held>();
  const traces = new Map<string, Trace>();
  const opinions: (StoredFeedback & { session: string | undefined })[] = [];

  function held(id: string): Held {
    const found = sessions.get(id);
    if (!found) throw new StoreError("not_found", "There is no such session.");
    return found;
  }

  function first(id: string, count: number): ChatMessage[] {
    const { messages } = held(id);
    if (count < 0 || count > messages.length) throw new StoreError("invalid", "There are not as many messages.");
    return structuredClone(messages.slice(0, count));
  }

  return {
    sessions: {
      async create(id = newId("sess")) {
        if (sessions.has(id)) throw new StoreError("conflict", "There is a session with this id.");
        sessions.set(id, { messages: [], costs: {} });
        return id;
      },
      async load(id) {
        return structuredClone(sessions.get(id)?.messages) ?? null;
      },
      async save(id, messages) {
        sessions.set(id, { costs: sessions.get(id)?.costs ?? {}, messages: structuredClone([...messages]) });
      },
      async costs(id) {
        return structuredClone(sessions.get(id)?.costs) ?? null;
      },
      async addCosts(id, fields) {
        Object.assign(held(id).costs, structuredClone(fields));
      },
      async delete(id) {
        return sessions.delete(id);
      },
      async fork(id, count = held(id).messages.length) {
        const messages = first(id, count);
        const forked = newId("sess");
        sessions.set(forked, { messages, costs: {} });
        return { id: forked, messages: messages.length };
      },
      async revert(id, count) {
        held(id).messages = first(id, count);
      },
    },
    traces: {
      async write(trace) {
        traces.set(trace.trace_id, structuredClone(trace));
      },
      async read(id) {
        return structuredClone(traces.get(id)) ?? null;
      },
    },
    feedback: {
      async add({ rating, session, comment = null as string | null }) {
        if (session !== undefined) held(session);
        const id = newId("fb");
        opinions.unshift({ id, rating, comment, session });
        return id;
      },
      async get(id) {
        const found = opinions.find((each) => each.id === id);
        return found ? shown(found) : null;
      },
      async change(id, change) {
        const found = opinions.find((each) => each.id === id);
        if (!found) throw new StoreError("not_found", "There is no such feedback.");
        Object.assign(found, change);
      },
      async list({ session, rating }) {
        return opinions
          .filter((each) => each.session === session && (rating === undefined || each.rating === rating))
          .map(shown);
      },
    },
  };
}

function shown({ id, rating, comment }: StoredFeedback): StoredFeedback {
  return { id, rating, comment };
}

function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll("-", "").slice(0, 16)}`;
}
