import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GatewayError } from "../errors.ts";
import type { ApiClient } from "./api-client.ts";

/** Those fields of a user that are shown. */
interface User {
  user_id: string;
  kind: string;
  name: string;
  blocked: boolean;
  created_at: string;
  identities: { platform: string; external_id: string }[];
}

/** Long enough for the last line of an export. */
const TAIL_BYTES = 4_096;

/** Rows for a table: those whose name holds the word, newest first. */
export async function listUsers(client: ApiClient, word: string): Promise<string[][]> {
  const query = new URLSearchParams({ limit: "200", ...(word === "" ? {} : { q: word }) });
  const { users } = await client.get<{ users: User[] }>(`/v1/users?${query.toString()}`);
  return users.map(({ user_id: id, kind, name, blocked, created_at: at, identities }) => [
    id,
    kind,
    at.slice(0, 16).replace("T", " "),
    blocked ? "blocked" : "",
    name,
    identities.map(({ platform, external_id: external }) => `${platform}:${external}`).join(" "),
  ]);
}

export async function setBlocked(client: ApiClient, id: string, blocked: boolean): Promise<string> {
  const { name } = await client.send<User>("PATCH", pathOf(id), { blocked });
  return `${name || id} is ${blocked ? "blocked: nothing of theirs takes effect any more" : "heard again"}.\n`;
}

/** Erases only with `yes`: without, it says what would go. */
export async function eraseUser(client: ApiClient, id: string, yes: boolean): Promise<string> {
  if (yes) {
    const { erasure_id: erasure } = await client.send<{ erasure_id: string }>("DELETE", pathOf(id));
    return `${id} is nobody from now on; what is left goes within minutes (${erasure}).\n`;
  }
  const dry = await client.send<Record<string, number>>("DELETE", `${pathOf(id)}?dry_run=true`);
  const { identities, sessions, messages, memories } = dry;
  const all = `${identities} accounts, ${sessions} sessions, ${messages} messages, ${memories} memories`;
  return `This would go for good: ${all}, and their words in groups. To erase it: npm run parley -- erase ${id} --yes\n`;
}

/** Into a file of their id in the working directory, which must not be there yet: nobody else may read it. */
export async function exportUser(client: ApiClient, id: string): Promise<string> {
  const file = `${id}.jsonl`;
  let tail = Buffer.alloc(0);
  const watched = async function* (bytes: AsyncIterable<Uint8Array>) {
    for await (const chunk of bytes) {
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
      yield chunk;
    }
  };
  const bytes = await client.download(`${pathOf(id)}/export`);
  await pipeline(Readable.from(watched(bytes)), createWriteStream(file, { flags: "wx", mode: 0o600 }));
  const last = tail.toString().trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith('{"type":"end"')) throw new GatewayError("unavailable", `The export in ${file} was cut off.`);
  return `Everything of ${id} is in ${file}.\n`;
}

function pathOf(id: string): string {
  return `/v1/users/${encodeURIComponent(id)}`;
}
