import { Agent } from "undici";
import { GatewayError } from "../../src/errors.ts";
import { brokenOff, cappedStream } from "../../src/platform/capped-stream.ts";
import { TELEGRAM_FETCH_LIMIT } from "./read-telegram-files.ts";

const CONNECTIONS = 8;
const BROKEN = "The file did not arrive from Telegram.";
/** No piece for this long, and all of it: 20 MB at a very slow 170 kB/s. */
const STALL_MS = 15_000;
const DEADLINE_MS = 120_000;

/**
 * Reads files from where the Bot API says they lie: always its own host, whatever the path says. The address holds the
 * token, so no error of the HTTP client gets out.
 */
export class TelegramDownloads {
  readonly #agent = new Agent({
    connections: CONNECTIONS,
    allowH2: false,
    headersTimeout: STALL_MS,
    bodyTimeout: STALL_MS,
    connect: { timeout: 5000, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
  });
  readonly #origin: string;
  readonly #root: string;
  readonly #token: () => string;

  constructor(apiRoot: string, token: () => string) {
    const root = new URL(apiRoot);
    this.#origin = root.origin;
    this.#root = root.pathname.replace(/\/+$/, "");
    this.#token = token;
  }

  async open(filePath: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const parts = filePath.split("/");
    // A server of one's own may name a path on its disk instead, which is not ours to read.
    if (parts.some((part) => part === "" || part === "." || part === "..")) {
      throw new GatewayError("not_found", "Telegram does not say where the file lies.");
    }
    const until = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const path = `${this.#root}/file/bot${this.#token()}/${parts.map(encodeURIComponent).join("/")}`;
    const answer = await this.#agent
      .request({ origin: this.#origin, path, method: "GET", signal: until })
      .catch(() => Promise.reject(brokenOff({ signal, broken: BROKEN })));
    if (answer.statusCode === 200)
      return cappedStream(answer.body, { bytes: TELEGRAM_FETCH_LIMIT, signal, broken: BROKEN });
    await answer.body.dump().catch(() => undefined);
    if (answer.statusCode === 404) throw new GatewayError("not_found", "Telegram does not have this file any more.");
    throw new GatewayError("unavailable", "Telegram does not hand over the file.", {
      cause: new Error(`status ${answer.statusCode}`),
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
