import { createHash, randomBytes } from "node:crypto";

const DIGITS = 39;

/** What a browser's cookie holds, 256 bits; only its hash is kept. */
export function newWebToken(): string {
  return randomBytes(32).toString("hex");
}

/**
 * What a one-time link holds, 129 bits; only its hash is kept. Digits alone: with letters, an address looks to the
 * chats' guard (`carriesMuch`) like one that carries a secret away, which nobody can tap.
 */
export function newLinkToken(): string {
  const number = BigInt(`0x${randomBytes(32).toString("hex")}`) % 10n ** BigInt(DIGITS);
  return String(number).padStart(DIGITS, "0");
}

export function webTokenHash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** What stands behind # is sent to no server, so no log and no preview has it; it is used up by a click only. */
export function signInUrl(page: string, token: string): string {
  return `${page}/sign-in#${token}`;
}
