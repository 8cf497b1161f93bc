import { Api, type RawApi, type Transformer } from "grammy";
import type { OutgoingFile } from "../../src/platform/platform-adapter.ts";
import { MultipartForm } from "./multipart-form.ts";
import { type RefusalBody, TransportFailure, refused, toTelegramError } from "./telegram-errors.ts";
import { TelegramTransport } from "./telegram-transport.ts";

export const TELEGRAM_API_ROOT = "https://api.telegram.org";

export interface TelegramApiOptions {
  /** Read at every call: it may change. */
  readonly token: string;
  apiRoot: string | null;
  connections: number;
  /** How long one call may take; for polls more than the poll's own time-out. */
  deadlineMs: number;
}

/** grammY's methods, with the platform's own `AbortSignal` instead of a polyfill's. */
export type TelegramMethods = { [M in keyof RawApi]: WithSignal<RawApi[M]> };
type PolyfilledSignal = Parameters<RawApi["getMe"]>[0];
type WithSignal<F> = F extends (...args: infer A) => infer R
  ? (...args: { [I in keyof A]: A[I] extends PolyfilledSignal ? AbortSignal | undefined : A[I] }) => R
  : never;

/** The Bot API, typed. Every call rejects with a `GatewayError` only, and none is ever repeated here. */
export interface TelegramApi {
  raw: TelegramMethods;
  /** Posts a message with a file, which goes as a form. */
  upload(
    method: "sendPhoto" | "sendDocument",
    fields: Readonly<Record<string, unknown>>,
    fileField: string,
    file: OutgoingFile,
  ): Promise<{ message_id: number }>;
  /** Ends all sockets at once; calls on the way reject. */
  close(): Promise<void>;
}

/** 50 MB at 420 kB/s. */
const UPLOAD_DEADLINE_MS = 120_000;
/** Enough for the 30 calls per second of an account, many times over. */
const MAX_QUEUED = 1000;

/**
 * grammY gives the types and the method names; the HTTP is ours, put in as its innermost transformer, so that its
 * node-fetch, its polyfilled signals and its time-out of 500 s are never reached.
 */
export function openTelegramApi(options: TelegramApiOptions): TelegramApi {
  const { deadlineMs, connections } = options;
  const apiRoot = options.apiRoot ?? TELEGRAM_API_ROOT;
  const transport = new TelegramTransport({
    get token() {
      return options.token;
    },
    apiRoot,
    connections,
    maxQueued: MAX_QUEUED,
  });
  const call = async (method: string, payload: object, untilMs: number, signal?: AbortSignal) => {
    const { token } = options;
    try {
      const body = await transport.call(method, payload, untilMs, signal);
      if (isSuccess(body)) return body;
      if (isRefusal(body)) throw refused(method, body, token);
      throw new TransportFailure("unreadable", true, null, "the answer is JSON, but none of Telegram's");
    } catch (error) {
      throw toTelegramError(error, method, token);
    }
  };
  const overTransport: Transformer = async (_previous, method, payload, signal) => {
    const body = await call(method, payload, deadlineMs, signal as AbortSignal | undefined);
    return body as Awaited<ReturnType<typeof _previous<typeof method>>>;
  };
  const api = new Api(options.token);
  api.config.use(overTransport);
  const upload: TelegramApi["upload"] = async (method, fields, fileField, file) => {
    const body = await call(method, new MultipartForm(fields, fileField, file), UPLOAD_DEADLINE_MS);
    return body.result as { message_id: number };
  };
  return { raw: api.raw as TelegramMethods, upload, close: () => transport.close() };
}

function isSuccess(body: unknown): body is { ok: true; result: unknown } {
  return (
    typeof body === "object" &&
    body !== null &&
    "ok" in body &&
    body.ok === true &&
    "result" in body &&
    body.result !== null
  );
}

function isRefusal(body: unknown): body is RefusalBody {
  return (
    typeof body === "object" &&
    body !== null &&
    "error_code" in body &&
    typeof body.error_code === "number" &&
    "description" in body &&
    typeof body.description === "string"
  );
}
