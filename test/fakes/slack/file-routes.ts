import type { IncomingMessage } from "node:http";
import type { World } from "./world.ts";

interface FileAnswer {
  status: number;
  body: string | Buffer;
  headers?: Record<string, string>;
}

/** Where files lie and are uploaded to; undefined = another address. Slack asks for a login by a page with status 200. */
export async function answerFileRoute(
  world: World,
  request: IncomingMessage,
  path: string,
): Promise<FileAnswer | undefined> {
  const [, kind, id = ""] = /^\/(files|upload\/v1)\/(F\w+)(?:\/[^/]*)?$/.exec(path) ?? [];
  if (kind === undefined) {
    return undefined;
  }
  const file = world.files.get(id);
  if (kind === "files") {
    if (request.headers.authorization !== `Bearer ${world.app.botToken}` || !world.app.scopes.has("files:read")) {
      return {
        status: 200,
        body: "<!DOCTYPE html><title>Sign in | Slack</title>",
        headers: { "content-type": "text/html" },
      };
    }
    const type = typeof file?.json["mimetype"] === "string" ? file.json["mimetype"] : "application/octet-stream";
    return file?.bytes
      ? { status: 200, body: file.bytes, headers: { "content-type": type } }
      : { status: 404, body: "Not Found" };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (request.method !== "POST" || !file || file.bytes || bytes.length !== file.json["size"]) {
    return { status: 400, body: "wrong upload" };
  }
  file.bytes = bytes;
  return { status: 200, body: `OK - ${bytes.length}` };
}
