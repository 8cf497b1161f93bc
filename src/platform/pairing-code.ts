import { randomInt } from "node:crypto";

/** How long a code holds, and how often a stranger is told it meanwhile. */
export const PAIRING_TTL_MS = 3_600_000;
export const PAIRING_TRIES = 5;

/** Without those that look like another: 0 O, 1 I L, U V. */
const ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ";
const LENGTH = 8;
const SHAPE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`);

/** A code of eight characters, to be read out and typed: 38 random bits, enough for an hour. */
export function newPairingCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

/** The code as it was made, from what somebody typed or pasted; "" = it cannot be one, and none is like it. */
export function normalisePairingCode(typed: string): string {
  if (typed.length > 64) return "";
  const code = typed.replace(/[\s\p{Pd}`'"]/gu, "").toUpperCase();
  return SHAPE.test(code) ? code : "";
}
