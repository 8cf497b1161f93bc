import { timingSafeEqual } from "node:crypto";
import type { KeyId } from "../ids.ts";
import type { Log } from "../platform/platform-adapter.ts";
import { touchKey, type UsableKey, usableKey } from "../store/api-keys.ts";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import { readKeyText, sha256 } from "./key-text.ts";
import { type Principal, SCOPES, scopesFor } from "./principal.ts";

/** How long a key that was revoked elsewhere may still be taken for a good one. */
const FRESH_MS = 10_000;
/** Keys remembered at once: whichever was read longest ago is forgotten first. */
const MAX_KEYS = 10_000;

const ADMIN: Principal = { keyId: null, scopes: new Set(SCOPES), bound: { kind: "operator", role: "owner" } };

interface Known {
  readAt: number;
  key: Promise<UsableKey | null>;
}

/** Whose keys open the API: that of the settings, and those in the database, each read again every 10 s of its use. */
export class KeyRing {
  readonly #db: Root;
  readonly #log: Log;
  readonly #adminKey: () => string;
  readonly #now: () => number;
  readonly #known = new Map<KeyId, Known>();

  /** `adminKey` is asked at every call, so that it may change. `now`: a monotonic clock in ms. */
  constructor(parts: { db: Root; log: Log; adminKey: () => string; now?: () => number }) {
    this.#db = parts.db;
    this.#log = parts.log;
    this.#adminKey = parts.adminKey;
    this.#now = parts.now ?? (() => performance.now());
    if (this.#adminKey().trim() === "") throw new Error("an empty admin key would let everybody in");
  }

  /** Who holds this key; null = nobody: unknown, mistyped, revoked and expired are the same. Rejects `unavailable`. */
  async principalOf(text: string): Promise<Principal | null> {
    const presented = sha256(text);
    if (timingSafeEqual(presented, sha256(this.#adminKey()))) return ADMIN;
    const id = readKeyText(text);
    if (id === null) return null;
    const { readAt, key } = this.#read(id);
    const found = await key;
    const age = this.#now() - readAt;
    // No early end: which of the two it is takes the same time.
    const fits = found?.hashes.filter((hash) => timingSafeEqual(presented, hash.sha256) && hash.leftMs > age) ?? [];
    if (!found || fits.length === 0) return null;
    if (found.unseen) this.#touch(id, found);
    const { bound, scopes } = found;
    return { keyId: id, scopes: new Set(scopesFor(bound).filter((scope) => scopes.includes(scope))), bound };
  }

  /** What this replica itself has changed holds at once. */
  forget(id: KeyId): void {
    this.#known.delete(id);
  }

  #read(id: KeyId): Known {
    const known = this.#known.get(id);
    if (known && this.#now() - known.readAt < FRESH_MS) return known;
    const fresh: Known = { readAt: this.#now(), key: retrying(() => usableKey(this.#db, id)) };
    this.#known.delete(id);
    this.#known.set(id, fresh);
    if (this.#known.size > MAX_KEYS) this.#known.delete(this.#known.keys().next().value!);
    // Neither an error nor an unknown key is worth a place: whoever guesses must not push out those in use.
    const drop = () => this.#known.get(id) === fresh && this.#known.delete(id);
    fresh.key.then((key) => key ?? drop(), drop);
    return fresh;
  }

  /** Nobody waits for it, and nothing depends on it. */
  #touch(id: KeyId, key: UsableKey): void {
    key.unseen = false;
    touchKey(this.#db, id).catch((error: unknown) => this.#log.warn({ err: error }, "the use of a key was not noted"));
  }
}
