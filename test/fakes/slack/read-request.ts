import type { IncomingMessage } from "node:http";
import { isObject, textOf, type Args } from "./args.ts";
import { Refusal } from "./refusal.ts";

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Arguments of the query and of the body: a form, or JSON. Refuses other bodies with Slack's words. */
export function readArgs(request: IncomingMessage, url: URL, body: string): Args {
  const query = Object.fromEntries(url.searchParams);
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
  if (body === "" || type === "application/x-www-form-urlencoded") {
    return { ...query, ...Object.fromEntries(new URLSearchParams(body)) };
  }
  if (type !== "application/json") {
    throw new Refusal(type === "" ? "missing_post_type" : "invalid_post_type");
  }
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new Refusal("invalid_json");
  }
  if (!isObject(json)) {
    throw new Refusal("json_not_object");
  }
  return { ...query, ...json };
}

/** The token of a call: its header, or the argument `token`. "" = none. */
export function tokenOf(request: IncomingMessage, args: Args): string {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1]?.trim() ?? textOf(args, "token");
}
