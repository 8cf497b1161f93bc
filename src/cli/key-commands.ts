import type { ApiClient } from "./api-client.ts";
import { Misuse } from "./misuse.ts";
import { minuteOf, printable, table } from "./table.ts";

/** Those fields of a key that are shown. */
interface Key {
  key_id: string;
  name: string;
  role: string | null;
  agent: string | null;
  user_id: string | null;
  scopes: string[];
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

/** Whose a new key is, and how long it and an old secret count. */
export interface KeyOptions {
  role?: string | undefined;
  agent?: string | undefined;
  person?: string | undefined;
  scopes?: string | undefined;
  days?: string | undefined;
  overlap?: string | undefined;
}

const DAY_MS = 86_400_000;

/** `keys`, `keys create NAME`, `keys rotate ID`, `keys revoke ID`. */
export async function runKeys(client: ApiClient, words: string[], options: KeyOptions): Promise<string> {
  const [verb = "list", word, ...rest] = words;
  if (rest.length > 0 || (verb === "list" && word !== undefined)) throw new Misuse("That is one word too many.");
  if (verb === "list") return listKeys(client);
  if (word === undefined) throw new Misuse(verb === "create" ? "Say the key's name." : "Say which key, by its id.");
  const at = `/v1/keys/${encodeURIComponent(word)}`;
  switch (verb) {
    case "create":
      return told(await client.post<Key & { key: string }>("/v1/keys", { name: word, ...read(options) }));
    case "rotate": {
      const hours = options.overlap === undefined ? null : countOf("overlap", options.overlap);
      return told(await client.post(`${at}/rotate`, hours === null ? {} : { overlap_seconds: hours * 3600 }));
    }
    case "revoke": {
      const { name } = await client.delete<Key>(at);
      return `The key "${printable(name)}" is revoked; all replicas refuse it within 10 seconds.\n`;
    }
    default:
      throw new Misuse(`There is no command "keys ${printable(verb)}".`);
  }
}

/** What operators did, newest first. */
export async function showAudit(client: ApiClient, since: string): Promise<string> {
  const path = `/v1/audit?limit=200&since=${encodeURIComponent(since)}`;
  const { entries } = await client.get<{
    entries: { at: string; actor: string; action: string; target: string; detail: object }[];
  }>(path);
  if (entries.length === 0) return `Nobody has done anything since ${printable(since)}.\n`;
  const rows = entries.map(({ at, actor, action, target, detail }) => {
    return [minuteOf(at), actor, action, target, JSON.stringify(detail)];
  });
  return table([["at", "by", "action", "target", "detail"], ...rows]);
}

async function listKeys(client: ApiClient): Promise<string> {
  const { keys } = await client.get<{ keys: Key[] }>("/v1/keys?limit=200");
  if (keys.length === 0) return "There are no keys but that of the settings.\n";
  const rows = keys.map((key) => {
    const { role, agent, user_id: user, expires_at: expires, revoked_at: revoked, last_used_at: used } = key;
    const isOver = expires !== null && Date.parse(expires) <= Date.now();
    const state = revoked ? "revoked" : isOver ? "expired" : expires ? `until ${minuteOf(expires)}` : "valid";
    return [
      key.key_id,
      key.name,
      role ?? agent ?? user ?? "",
      state,
      used ? minuteOf(used) : "never",
      key.scopes.join(","),
    ];
  });
  return table([["key", "name", "of", "state", "last used", "scopes"], ...rows]);
}

function told({ key_id: id, key }: Key & { key: string }): string {
  return `${key}\n\nThis is shown once: keep it safe. To take it back: npm run parley -- keys revoke ${id}\n`;
}

function read({ role, agent, person, scopes, days }: KeyOptions): object {
  if ([role, agent, person].filter((each) => each !== undefined).length !== 1) {
    throw new Misuse("Say whose key it is: --role owner|operator|viewer, --agent NAME or --person NAME.");
  }
  return {
    ...(role !== undefined && { role }),
    ...(agent !== undefined && { agent }),
    ...(person !== undefined && { user: person }),
    ...(scopes !== undefined && { scopes: scopes.split(",").map((scope) => scope.trim()) }),
    ...(days !== undefined && { expires_at: new Date(Date.now() + countOf("days", days) * DAY_MS).toISOString() }),
  };
}

function countOf(option: string, text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new Misuse(`--${option} must be a whole number.`);
}
