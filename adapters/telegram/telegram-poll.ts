import { errorCode, GatewayError } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { Accept, Log } from "../../src/platform/platform-adapter.ts";
import { updateId } from "./read-telegram-update.ts";
import type { TelegramApi } from "./telegram-api.ts";
import { ALLOWED_UPDATES } from "./telegram-updates.ts";
import { Backoff, type BackoffOptions, pause } from "../../src/platform/backoff.ts";

export interface PollTiming {
  /** How long Telegram may hold a poll without updates, in s; at most 50 there. */
  pollSeconds: number;
  /** Nothing in one round may take longer: neither the poll nor the storing of its updates. */
  watchdogMs: number;
  trouble: BackoffOptions;
  /** Another poller on the same token. */
  conflict: BackoffOptions;
}

export const POLL_TIMING: PollTiming = {
  pollSeconds: 25,
  watchdogMs: 120_000,
  trouble: { firstMs: 1000, maxMs: 30_000 },
  conflict: { firstMs: 5000, maxMs: 30_000 },
};

export interface PollOptions {
  /** Opens a client with sockets of its own, closed here. Its deadline must be above `pollSeconds`. */
  openApi(): TelegramApi;
  read(update: unknown): IncomingUpdate | null;
  accept: Accept;
  /** Told after each poll whether it was answered. */
  working?: (works: boolean) => void;
  log: Log;
  timing?: PollTiming;
}

/**
 * Takes in updates until the abort, then resolves at once without acknowledging anything. No offset is kept anywhere:
 * the first poll gets whatever was never acknowledged, and the inbox drops what it already has. Rejects `unauthorized`.
 */
export async function pollTelegram(options: PollOptions, signal: AbortSignal): Promise<void> {
  const timing = options.timing ?? POLL_TIMING;
  const trouble = new Backoff(timing.trouble);
  const conflict = new Backoff(timing.conflict);
  let api = options.openApi();
  let webhookGone = false;
  let offset: number | undefined;
  try {
    while (!signal.aborted) {
      try {
        // Only once: if somebody sets a webhook while we poll, the two of us must not take turns.
        if (!webhookGone) await api.raw.deleteWebhook({ drop_pending_updates: false }, signal);
        webhookGone = true;
        const updates = await poll(api, offset, timing, signal);
        options.working?.(true);
        await within(timing.watchdogMs, signal, () => acceptAll(updates, options));
        // The next poll with this offset is the acknowledgement. Ids may start anew after an idle week (Bot API,
        // Update), so once an empty answer shows that all is acknowledged, the offset is forgotten.
        offset = updates.length === 0 ? undefined : nextOffset(updates, offset);
        trouble.reset();
        conflict.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (errorCode(error) === "unauthorized") throw error;
        const waitMs = delayAfter(error, trouble, conflict);
        options.working?.(false);
        options.log.warn({ err: error, waitMs: Math.round(waitMs) }, reasonOf(error));
        // A kept-alive socket may go on hitting the server that holds the old poll, or a dead one.
        await api.close();
        api = options.openApi();
        await pause(waitMs, signal);
      }
    }
  } finally {
    await api.close();
  }
}

async function poll(
  api: TelegramApi,
  offset: number | undefined,
  timing: PollTiming,
  signal: AbortSignal,
): Promise<unknown[]> {
  const request = {
    limit: 100,
    timeout: timing.pollSeconds,
    allowed_updates: ALLOWED_UPDATES,
    ...(offset === undefined ? {} : { offset }),
  };
  const updates: unknown = await within(timing.watchdogMs, signal, (until) => api.raw.getUpdates(request, until));
  if (!Array.isArray(updates)) throw new GatewayError("unavailable", "Telegram's answer to a poll is no list.");
  return updates;
}

/**
 * Chats side by side, so that they are stored together, and one after the other within a chat: what is behind an update
 * that was not stored must not be either, since it would overtake it. Rejects then, so that none is acknowledged.
 */
async function acceptAll(updates: readonly unknown[], options: PollOptions): Promise<void> {
  const last = new Map<string, Promise<void>>();
  const incoming = updates.map((update) => options.read(update)).filter((it) => it !== null);
  const results = await Promise.allSettled(
    incoming.map((update) => {
      const chats = chatsOf(update);
      const before = Promise.all(chats.map((chat) => last.get(chat) ?? Promise.resolve()));
      const accepted = before.then(() => options.accept(update));
      for (const chat of chats) last.set(chat, accepted);
      return accepted;
    }),
  );
  const failed = results.find((it) => it.status === "rejected");
  if (failed) throw failed.reason;
}

/** A move comes before what is written in the new chat. */
function chatsOf(update: IncomingUpdate): string[] {
  if (update.kind === "place_moved") return [update.chat, update.newChat];
  return "place" in update ? [update.place.chat] : [];
}

function nextOffset(updates: readonly unknown[], before: number | undefined): number | undefined {
  const ids = updates.map(updateId).filter((it) => it !== null);
  return ids.length === 0 ? before : Math.max(...ids) + 1;
}

/** Ends with the work, the abort or the deadline, whichever is first; the work is told by its signal. */
async function within<T>(ms: number, signal: AbortSignal, work: (until: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (why: string) => {
    ended.reject(new GatewayError("unavailable", why));
    controller.abort();
  };
  const onAbort = () => end("Aborted.");
  const timer = setTimeout(() => end(`Nothing happened for ${ms} ms.`), ms);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(controller.signal), ended.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function delayAfter(error: unknown, trouble: Backoff, conflict: Backoff): number {
  if (error instanceof GatewayError && error.retryAfterMs !== undefined) return error.retryAfterMs;
  return errorCode(error) === "conflict" ? conflict.nextMs() : trouble.nextMs();
}

function reasonOf(error: unknown): string {
  return errorCode(error) === "conflict" ? "another poller uses this bot token" : "polling is in trouble";
}
