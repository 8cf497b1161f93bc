import { Agent } from "undici";
import { GatewayError } from "../../src/errors.ts";
import { brokenOff, cappedStream } from "../../src/platform/capped-stream.ts";

/** Of one file; Slack itself takes up to 1 GB. */
export const SLACK_FETCH_LIMIT = 50 * 1024 * 1024;
const CONNECTIONS = 8;
const BROKEN = "The file did not arrive from Slack.";
/** No piece for this long, and all of it. */
const STALL_MS = 15_000;
const DEADLINE_MS = 120_000;
/**
 * Where Slack keeps files (docs.slack.dev/reference/objects/file-object, `url_private`), and the government's Slack,
 * which "runs on the separate domain slack-gov.com" (api.slack-gov.com/gov-slack/about).
 */
const FILE_HOST = /^([a-z0-9-]+\.)*(slack\.com|slack-files\.com|slack-gov\.com)$/;

/**
 * Reads files with the bot's token, which goes to Slack's hosts alone: an address elsewhere is not called, and no
 * redirect is followed.
 */
export class SlackDownloads {
  readonly #agent = new Agent({
    connections: CONNECTIONS,
    allowH2: false,
    headersTimeout: STALL_MS,
    bodyTimeout: STALL_MS,
    connect: { timeout: 5000, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
  });
  readonly #token: () => string;
  readonly #apiOrigin: string | null;

  /** `apiUrl`: another server of the Web API, which has files of its own. */
  constructor(token: () => string, apiUrl: string | null) {
    this.#token = token;
    this.#apiOrigin = apiUrl === null ? null : new URL(apiUrl).origin;
  }

  /** `mediaType`: what the file is said to be; a page of HTML instead is Slack's way to ask for a login. */
  async open(address: string, mediaType: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const url = URL.parse(address);
    if (!url || !this.#isSlacks(url)) throw notFound();
    const until = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const answer = await this.#agent
      .request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: "GET",
        headers: { authorization: `Bearer ${this.#token()}` },
        signal: until,
      })
      .catch(() => Promise.reject(brokenOff({ signal, broken: BROKEN })));
    const { statusCode: status, headers, body } = answer;
    const isPage = String(headers["content-type"] ?? "").startsWith("text/html") && mediaType !== "text/html";
    if (status === 200 && !isPage) return cappedStream(body, { bytes: SLACK_FETCH_LIMIT, signal, broken: BROKEN });
    // Never more than a little of it.
    await body.dump({ limit: 16_384 }).catch(() => undefined);
    if (status < 400 || status === 401 || status === 403 || status === 404 || status === 410) throw notFound();
    throw new GatewayError("unavailable", "Slack does not hand over the file.", {
      cause: new Error(`status ${status}`),
    });
  }

  /** Writes a file where `files.getUploadURLExternal` says; the address is the permission, so the token is not sent. */
  async upload(address: string, bytes: Uint8Array): Promise<void> {
    const url = URL.parse(address);
    if (!url || !this.#isSlacks(url)) throw new GatewayError("unavailable", "Slack names no place of its own.");
    const answer = await this.#agent
      .request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: bytes,
        signal: AbortSignal.timeout(DEADLINE_MS),
      })
      .catch(() => Promise.reject(new GatewayError("unavailable", "The file did not get to Slack.")));
    await answer.body.dump({ limit: 16_384 }).catch(() => undefined);
    if (answer.statusCode === 200) return;
    throw new GatewayError("unavailable", "Slack does not take the file.", {
      cause: new Error(`status ${answer.statusCode}`),
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #isSlacks(url: URL): boolean {
    if (url.username !== "" || url.password !== "") return false;
    if (url.origin === this.#apiOrigin) return true;
    return url.protocol === "https:" && url.port === "" && FILE_HOST.test(url.hostname);
  }
}

function notFound(): GatewayError {
  return new GatewayError("not_found", "Slack does not give out this file.");
}
