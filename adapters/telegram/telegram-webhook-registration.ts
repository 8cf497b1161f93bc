import { errorCode, GatewayError } from "../../src/errors.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";
import type { TelegramApi } from "./telegram-api.ts";
import { ALLOWED_UPDATES } from "./telegram-updates.ts";
import { Backoff, type BackoffOptions, pause } from "../../src/platform/backoff.ts";

export interface RegistrationTiming {
  recheckMs: number;
  /** Before a changed secret is told to Telegram, so that all replicas know it. */
  settleMs?: number;
  trouble: BackoffOptions;
}

const REGISTRATION_TIMING: RegistrationTiming = {
  recheckMs: 10 * 60_000,
  settleMs: 7_000,
  trouble: { firstMs: 1000, maxMs: 30_000 },
};

export interface RegistrationOptions {
  api: TelegramApi;
  /** Where Telegram shall send updates to. */
  url: string;
  /** Registered anew when it changes. */
  readonly secret: string;
  log: Log;
  /** Told whether the registration could be made or checked. */
  working?: (works: boolean) => void;
  timing?: RegistrationTiming;
}

/** How often it is looked whether the secret has changed. */
const SECRET_CHECK_MS = 1_000;
const MAX_CONNECTIONS = 40;

/**
 * Keeps the webhook registered until the abort. The first time it is set in any case, because Telegram does not tell
 * which secret it knows (setting the same again changes nothing); later only when it differs. Rejects `unauthorized`.
 */
export async function keepWebhookRegistered(options: RegistrationOptions, signal: AbortSignal): Promise<void> {
  const { log } = options;
  const timing = options.timing ?? REGISTRATION_TIMING;
  const trouble = new Backoff(timing.trouble);
  for (let known: string | null = null; !signal.aborted;) {
    try {
      const { secret } = options;
      if (known !== secret || !(await isRegistered(options, signal))) {
        await register(options, secret, signal);
        log.info({ path: new URL(options.url).pathname }, "the webhook is registered");
      }
      known = secret;
      options.working?.(true);
      trouble.reset();
      const until = performance.now() + timing.recheckMs;
      while (!signal.aborted && options.secret === secret && performance.now() < until) {
        await pause(Math.min(SECRET_CHECK_MS, timing.recheckMs), signal);
      }
      if (options.secret !== secret) await pause(timing.settleMs ?? 0, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (errorCode(error) === "unauthorized") throw error;
      const retryAfterMs = error instanceof GatewayError ? error.retryAfterMs : undefined;
      const waitMs = retryAfterMs ?? trouble.nextMs();
      options.working?.(false);
      log.warn({ err: error, waitMs: Math.round(waitMs) }, "the webhook could not be registered");
      await pause(waitMs, signal);
    }
  }
}

async function isRegistered({ api, url, log }: RegistrationOptions, signal: AbortSignal): Promise<boolean> {
  const info = await api.raw.getWebhookInfo(signal);
  if (info.last_error_message !== undefined) {
    const { pending_update_count: pending, last_error_date: at, last_error_message: error } = info;
    log.warn({ pending, at, error }, "Telegram had trouble with the webhook");
  }
  const allowed = new Set(info.allowed_updates);
  return (
    info.url === url &&
    info.max_connections === MAX_CONNECTIONS &&
    ALLOWED_UPDATES.length === allowed.size &&
    ALLOWED_UPDATES.every((it) => allowed.has(it))
  );
}

async function register({ api, url }: RegistrationOptions, secret: string, signal: AbortSignal): Promise<void> {
  await api.raw.setWebhook(
    { url, secret_token: secret, allowed_updates: ALLOWED_UPDATES, max_connections: MAX_CONNECTIONS },
    signal,
  );
}
