import { isUtf8 } from "node:buffer";
import { verifySlackRequest } from "@slack/bolt";
import { errorCode } from "../../src/errors.ts";
import type { Accept, Log, RawRequest, RawResponse, Webhook } from "../../src/platform/platform-adapter.ts";
import type { SlackDelivery } from "./slack-receiver.ts";

/** Events, interactions and commands; the app's manifest names it for all three. */
const SLACK_WEBHOOK_PATH = "/slack/events";
const MAX_BYTES = 1024 * 1024;
/** docs.slack.dev/authentication/verifying-requests-from-slack: what differs by more is no request of now. */
const MAX_SKEW_S = 5 * 60;
/** Slack does not read it, but proxies and people do; its own repeats come at once, after 1 and after 5 minutes. */
const TRY_AGAIN: RawResponse = { status: 503, headers: { "retry-after": "5" } };
const REFUSED: RawResponse = { status: 401 };
/** Refusals can come at any rate, from anybody. */
const TELL_EVERY_MS = 60_000;

export interface SlackWebhookOptions {
  /** Read at every call: it may change. */
  readonly signingSecret: string;
  /** The one before, while it still counts. */
  readonly signingSecretBefore?: string | null;
  /** Resolves once it is stored; rejects when it is not. */
  take(delivery: SlackDelivery, accept: Accept): Promise<void>;
  log: Log;
  now?: () => number;
}

/**
 * Slack's calls: 2xx only for what is stored, within three seconds; anything else it repeats. Who calls is known before
 * the body is read, as far as headers can tell, and before it is parsed for certain.
 */
export function slackWebhook(options: SlackWebhookOptions): Webhook {
  const now = options.now ?? Date.now;
  let toldAt = Number.NEGATIVE_INFINITY;

  function tell(fields: object, message: string): void {
    if (now() - toldAt < TELL_EVERY_MS) return;
    toldAt = now();
    options.log.warn(fields, message);
  }

  /** The headers a signed call has; null = it cannot be one, whatever its body. */
  function signedBy(headers: RawRequest["headers"]): { signature: string; timestamp: number } | null {
    const signature = headers["x-slack-signature"] ?? "";
    const given = headers["x-slack-request-timestamp"] ?? "";
    if (!/^v0=[0-9a-f]{64}$/.test(signature) || !/^\d{1,12}$/.test(given)) return null;
    const timestamp = Number(given);
    const skewS = now() / 1000 - timestamp;
    if (Math.abs(skewS) <= MAX_SKEW_S) return { signature, timestamp };
    tell(
      { skewS: Math.round(skewS) },
      "a call to Slack's address is too old or of the future: forged, or this machine's clock is wrong",
    );
    return null;
  }

  function isSigned(bytes: Buffer, { signature, timestamp }: { signature: string; timestamp: number }): boolean {
    // The signature is over bytes. Text is as good only where it stands for no other bytes.
    if (!isUtf8(bytes)) return false;
    const headers = { "x-slack-signature": signature, "x-slack-request-timestamp": timestamp };
    const body = bytes.toString("utf8");
    const isSignedWith = (signingSecret: string): boolean => {
      try {
        // Timing-safe. It takes a future timestamp, which is why both directions are looked at above.
        verifySlackRequest({ signingSecret, body, headers, nowMilliseconds: now() });
        return true;
      } catch {
        return false;
      }
    };
    const { signingSecret, signingSecretBefore = null } = options;
    if (isSignedWith(signingSecret)) return true;
    if (signingSecretBefore !== null && isSignedWith(signingSecretBefore)) return true;
    tell({}, "a call to Slack's address has a wrong signature: forged, or the signing secret is another app's");
    return false;
  }

  async function handle(request: RawRequest, accept: Accept): Promise<RawResponse> {
    const signed = signedBy(request.headers);
    if (!signed) return REFUSED;
    let bytes: Buffer;
    try {
      bytes = await request.body();
    } catch (error) {
      return { status: errorCode(error) === "too_large" ? 413 : 400 };
    }
    if (bytes.length > MAX_BYTES) return { status: 413 };
    if (!isSigned(bytes, signed)) return REFUSED;
    const delivery = readDelivery(request.headers["content-type"] ?? "", bytes.toString("utf8"));
    if (!delivery) return { status: 400 };
    const challenge = challengeOf(delivery);
    if (challenge !== null) return { status: 200, headers: PLAIN, body: challenge };
    try {
      await options.take(delivery, accept);
      return { status: 200 };
    } catch (error) {
      options.log.warn({ err: error }, "a call of Slack could not be stored; Slack will repeat it");
      return TRY_AGAIN;
    }
  }

  return { path: SLACK_WEBHOOK_PATH, maxBytes: MAX_BYTES, handle };
}

const PLAIN = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

/** Events come as JSON, interactions as a form with JSON in `payload`, commands as a plain form. Null = neither. */
function readDelivery(contentType: string, text: string): SlackDelivery | null {
  try {
    if (/^application\/json\b/i.test(contentType)) return { kind: "event", body: JSON.parse(text) as unknown };
    if (!/^application\/x-www-form-urlencoded\b/i.test(contentType)) return null;
    const form = new URLSearchParams(text);
    const payload = form.get("payload");
    if (payload !== null) return { kind: "interaction", body: JSON.parse(payload) as unknown };
    return { kind: "command", body: Object.fromEntries(form) };
  } catch {
    return null;
  }
}

/** Slack asks whether we are there, when the address is entered in the app's settings. */
function challengeOf({ kind, body }: SlackDelivery): string | null {
  if (kind !== "event" || typeof body !== "object" || body === null) return null;
  const { type, challenge } = body as Record<string, unknown>;
  return type === "url_verification" && typeof challenge === "string" ? challenge.slice(0, 1000) : null;
}
