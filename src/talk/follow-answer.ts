import { setTimeout as sleep } from "node:timers/promises";
import { type Message, textOf } from "../agent/message.ts";
import { GatewayError } from "../errors.ts";
import type { MessageId, RunId, TraceId } from "../ids.ts";
import { fateOfMessage } from "../store/inbox.ts";
import type { OpenQuestion } from "../store/approvals.ts";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import type { AgentService, FollowItem, NewMessage, TalkSession } from "./agent-service.ts";

/** What whoever waits for an answer learns of it; the last one is `ended`, `asks` or `failed`. */
export type AnswerEvent =
  | { type: "started"; run: RunId; trace: TraceId | null }
  | { type: "text"; text: string }
  /** Calls of its run wait for a person; its answer goes on in the session when they are decided. */
  | { type: "asks"; questions: OpenQuestion[] }
  | { type: "ended"; reason: "stop" | "length" }
  | { type: "failed"; code: string; message: string };

export interface FollowedAnswer {
  messageId: MessageId;
  events: AsyncIterable<AnswerEvent>;
}

/** How often a message without a run is looked at: it may be withdrawn, of which no event tells. */
const LOOK_MS = 1_000;

/**
 * Says something and follows its answer, until that ends or the abort. Rejects like `addMessage`; once this resolves the
 * message is stored, whatever becomes of its reader.
 */
export async function followAnswer(
  parts: { db: Root; service: AgentService },
  session: TalkSession,
  message: NewMessage,
  signal: AbortSignal,
): Promise<FollowedAnswer> {
  const { service } = parts;
  // Joined first, so that nothing of the answer is missed.
  const after = String(session.headSeq);
  const end = new AbortController();
  const options = { after, follow: true, signal: AbortSignal.any([signal, end.signal]) };
  const items = await service.getMessages(session.userId, session.id, options);
  const { messageId } = await service.addMessage(session.userId, session.id, message);
  return { messageId, events: answerOf(parts, session, messageId, items, end) };
}

async function* answerOf(
  { db, service }: { db: Root; service: AgentService },
  session: TalkSession,
  message: MessageId,
  items: AsyncIterable<FollowItem>,
  over: AbortController,
): AsyncGenerator<AnswerEvent> {
  const said = new Said();
  let run: RunId | null = null;
  const reader = items[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<FollowItem>> | null = null;
  const fate = () => retrying(() => fateOfMessage(db, session.id, message));
  try {
    for (;;) {
      next ??= reader.next();
      const item: IteratorResult<FollowItem> | null = run === null ? await within(next, LOOK_MS) : await next;
      if (item === null) {
        const state = (await fate())?.state;
        if (state === "waiting" || state === "taken") continue;
        yield { type: "ended", reason: "stop" };
        return;
      }
      next = null;
      // The reader was sent away: its abort, or the session is another user's now.
      if (item.done) return;
      const event: FollowItem = item.value;
      if (event.kind !== "event") continue;
      if (run !== event.runId) {
        if (run !== null || (await fate())?.run !== event.runId) continue;
        run = event.runId;
        yield { type: "started", run, trace: (event.data["traceId"] as TraceId | undefined) ?? null };
      }
      if (event.type === "approval.requested") {
        const questions = await service.listApprovals(session.userId, session.id);
        yield { type: "asks", questions: questions.filter(({ runId }) => runId === run) };
        return;
      }
      const text = said.hear(event.type, event.data);
      if (text !== "") yield { type: "text", text };
      const end = endOf(event.type, event.data);
      if (end === null) continue;
      // An answer that had shown nothing goes on in the next one, with what came meanwhile.
      if (end.type === "failed" && end.code === "interrupt" && (await fate())?.run !== run) {
        run = null;
        continue;
      }
      yield end;
      return;
    }
  } finally {
    over.abort();
    await reader.return?.();
  }
}

type AnswerEnd = Extract<AnswerEvent, { type: "ended" | "failed" }>;

function endOf(type: string, data: Record<string, unknown>): AnswerEnd | null {
  if (type === "run.completed") return { type: "ended", reason: data["stopReason"] === "stop" ? "stop" : "length" };
  if (type === "run.failed") return { type: "failed", code: String(data["code"]), message: String(data["message"]) };
  if (type !== "run.cancelled") return null;
  if (data["by"] === "stop") return { type: "ended", reason: "stop" };
  const interrupted = "Another message came to this session before the answer was complete.";
  const message = data["by"] === "interrupt" ? interrupted : "The answer was cut off.";
  return { type: "failed", code: String(data["by"]), message };
}

/** The text of a run as it grows, for a reader from whom nothing can be taken back. */
class Said {
  #told = "";
  #text = "";
  #between = false;

  /** What is new of it. */
  hear(type: string, data: Record<string, unknown>): string {
    if (type === "message.completed") this.#between = this.#text !== "";
    else if (type === "text.delta") {
      this.#text += (this.#between ? "\n\n" : "") + String(data["text"]);
      this.#between = false;
    } else if (type === "run.restarted") {
      const kept = (data["kept"] as Message[]).filter(({ role }) => role === "assistant").map(textOf);
      this.#text = kept.filter((text) => text !== "").join("\n\n");
      this.#between = this.#text !== "";
    } else return "";
    return this.#news();
  }

  #news(): string {
    // A new attempt says again what was said.
    if (this.#told.startsWith(this.#text)) return "";
    const goesOn = this.#text.startsWith(this.#told);
    const news = goesOn ? this.#text.slice(this.#told.length) : `\n\n${this.#text}`;
    this.#told = this.#text;
    return news;
  }
}

/** Null = not in time. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | null> {
  const over = new AbortController();
  try {
    const late = sleep(ms, null, { signal: over.signal }).catch(() => null);
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}

/** A failure as an error that may be told. Who asks again at once gets the same, or does it twice. */
export function toAnswerError({ code, message }: { code: string; message: string }): GatewayError {
  if (code === "over_budget") return new GatewayError("rate_limited", message);
  return new GatewayError(code === "interrupt" ? "conflict" : "unavailable", message);
}
