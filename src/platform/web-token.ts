import { createHash, randomBytes } from "node:crypto";

/** 256 bits. */
const TOKEN_BYTES = 32;

/** What a browser's cookie or a one-time link holds; only its hash is kept. */
export function newWebToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

export function webTokenHash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** What stands behind # is sent to no server, so no log and no preview has it; it is used up by a click only. */
export function signInUrl(page: string, token: string): string {
  return `${page}/sign-in#${token}`;
}
