import { createHmac } from "node:crypto";
import { request, type Agent, type IncomingMessage } from "node:http";
import type { Timers } from "../telegram/timers.ts";

export const SIGNATURE = "x-slack-signature";
export const TIMESTAMP = "x-slack-request-timestamp";
export const JSON_TYPE = "application/json";
export const FORM_TYPE = "application/x-www-form-urlencoded";

export interface Post {
  body: string;
  headers: Record<string, string>;
}

export interface PostAnswer {
  /** 0 when none came. */
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
  /** Slack's word for why there is none. */
  reason: "http_timeout" | "connection_failed" | null;
}

/** docs.slack.dev/authentication/verifying-requests-from-slack */
export function signature(secret: string, seconds: number, body: string): string {
  return `v0=${createHmac("sha256", secret).update(`v0:${seconds}:${body}`).digest("hex")}`;
}

/** As Slack sends it, signed at this time. */
export function signedPost(secret: string, at: number, body: string, type: string): Post {
  const seconds = Math.floor(at / 1000);
  return {
    body,
    headers: {
      "content-type": type,
      "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
      accept: "*/*",
      [TIMESTAMP]: String(seconds),
      [SIGNATURE]: signature(secret, seconds, body),
    },
  };
}

/** Never rejects. */
export function send(
  url: string,
  { body, headers }: Post,
  { agent, timers, timeoutMs }: { agent: Agent; timers: Timers; timeoutMs: number },
): Promise<PostAnswer> {
  const { promise, resolve } = Promise.withResolvers<PostAnswer>();
  let reason: NonNullable<PostAnswer["reason"]> = "connection_failed";
  const fail = (): void => resolve({ status: 0, headers: {}, body: "", reason });
  const length = String(Buffer.byteLength(body));
  const options = { method: "POST", agent, headers: { ...headers, "content-length": length } };
  const outgoing = request(url, options, (response) => {
    const { statusCode: status = 0, headers: answered } = response;
    readText(response).then((text) => resolve({ status, headers: answered, body: text, reason: null }), fail);
  });
  const stopWaiting = timers.after(timeoutMs, () => {
    reason = "http_timeout";
    outgoing.destroy(new Error(reason));
    fail();
  });
  outgoing.on("close", stopWaiting);
  outgoing.on("error", fail);
  outgoing.end(body);
  return promise;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
