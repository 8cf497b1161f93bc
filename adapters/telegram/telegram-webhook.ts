import { createHash, timingSafeEqual } from "node:crypto";
import { errorCode } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { Accept, Log, RawRequest, RawResponse, Webhook } from "../../src/platform/platform-adapter.ts";

export const TELEGRAM_WEBHOOK_PATH = "/telegram/webhook";
/** A batch never comes here, only single updates, which are a few kB. */
const MAX_BYTES = 1024 * 1024;
/** Telegram honours it (telegram-bot-api, WebhookActor.cpp), up to an hour. */
const TRY_AGAIN: RawResponse = { status: 503, headers: { "retry-after": "5" } };

export interface WebhookOptions {
  /** Read at every call: it may change. */
  readonly secret: string;
  /** The one before, while it still counts. */
  readonly secretBefore?: string | null;
  /** Gives null for an update without an id, and throws `unavailable` until the bot is known. */
  read(update: unknown): IncomingUpdate | null;
  log: Log;
}

/**
 * Telegram's side of the webhook: 2xx only for what is stored. It repeats anything else for up to 24 hours and holds
 * back the chat's later updates meanwhile, so what could never be read is refused or stored as unreadable, not failed.
 */
export function telegramWebhook(options: WebhookOptions): Webhook {
  async function handle(request: RawRequest, accept: Accept): Promise<RawResponse> {
    const given = request.headers["x-telegram-bot-api-secret-token"] ?? "";
    const known = [options.secret, options.secretBefore ?? options.secret];
    const fits = known.filter((secret) => timingSafeEqual(digest(given), digest(secret)));
    if (fits.length === 0) return { status: 401 };
    const body = await readBody(request);
    if (typeof body === "number") return { status: body };
    try {
      const update = options.read(body.json);
      if (update) await accept(update);
      else options.log.warn({}, "a webhook call held no update");
      return { status: 200 };
    } catch (error) {
      options.log.warn({ err: error }, "an update could not be stored; Telegram will repeat it");
      return TRY_AGAIN;
    }
  }

  return { path: TELEGRAM_WEBHOOK_PATH, maxBytes: MAX_BYTES, handle };
}

/** The parsed body, or the status that says what is wrong with it. */
async function readBody(request: RawRequest): Promise<{ json: unknown } | 400 | 413> {
  try {
    const bytes = await request.body();
    return bytes.length > MAX_BYTES ? 413 : { json: JSON.parse(bytes.toString("utf8")) };
  } catch (error) {
    return errorCode(error) === "too_large" ? 413 : 400;
  }
}

/** Equal lengths for `timingSafeEqual`, whatever was sent. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
