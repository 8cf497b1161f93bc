import { GatewayError } from "../errors.ts";
import { type KeyId, readId } from "../ids.ts";
import { findKey, type KeyBinding, type KeyRecord } from "../store/api-keys.ts";
import type { Trx } from "../store/schema.ts";
import { type Principal, type Scope, scopesFor } from "./principal.ts";

/** What a key is to be, or has been made. */
export interface Grant {
  bound: KeyBinding;
  scopes: readonly string[];
  /** Null = never. */
  expiresAt: Date | null;
}

/**
 * Whether whoever calls may make such a key, change a key to be so, or get a new secret of one that is so: nobody gets
 * more than they have, and nothing lives longer. Throws `invalid` for what no such key may have, else `forbidden`.
 */
export async function mayGrant(trx: Trx, principal: Principal, grant: Grant): Promise<void> {
  const possible = new Set<string>(scopesFor(grant.bound));
  const impossible = grant.scopes.filter((scope) => !possible.has(scope));
  if (impossible.length > 0) {
    throw new GatewayError("invalid", `A key of this kind cannot have: ${impossible.join(", ")}.`);
  }
  const mine = await mayAsMuch(trx, principal, grant.scopes, "A key cannot grant more than it may itself");
  if (mine?.expiresAt && (grant.expiresAt === null || grant.expiresAt > mine.expiresAt)) {
    throw new GatewayError("forbidden", "A key cannot grant what outlives it. Give expires_at, before its own.");
  }
}

/** Whether whoever calls may revoke this key: nobody puts out of use who may more than they. Throws `forbidden`. */
export async function mayRevoke(trx: Trx, principal: Principal, key: KeyRecord): Promise<void> {
  await mayAsMuch(trx, principal, key.scopes, "A key cannot revoke one that may more than itself");
}

/** Returns the key of whoever calls; null = they have none of the stored ones. */
async function mayAsMuch(
  trx: Trx,
  principal: Principal,
  scopes: readonly string[],
  refusal: string,
): Promise<KeyRecord | null> {
  // As it is now: a replica may have read of it some seconds ago.
  const mine = principal.keyId === null ? null : await findKey(trx, principal.keyId as KeyId);
  const own = principal.scopes as ReadonlySet<string>;
  const missing = scopes.filter((scope) => !own.has(scope) || mine?.scopes.includes(scope) === false);
  if (missing.length > 0) throw new GatewayError("forbidden", `${refusal}: ${missing.join(", ")}.`);
  if (principal.keyId !== null && !mine?.usable) {
    throw new GatewayError("unauthorized", "This key is valid no more.");
  }
  return mine;
}

/** What a key has unless it is said: all that its kind may have and its maker has. */
export function usualScopes(bound: KeyBinding, principal: Principal): Scope[] {
  return scopesFor(bound).filter((scope) => principal.scopes.has(scope));
}

/** A key by its id, held until the transaction ends. Throws `not_found`. */
export async function keyOf(trx: Trx, id: string): Promise<KeyRecord> {
  const wanted = readId("key", id);
  const found = wanted && (await findKey(trx, wanted, true));
  if (!found) throw new GatewayError("not_found", "There is no such key.");
  return found;
}
