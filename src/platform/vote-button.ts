import { createHash, randomBytes } from "node:crypto";
import type { Thumbs } from "./platform-adapter.ts";

export type Vote = "up" | "down";

const WORDS = { up: "vote-up:", down: "vote-down:" } as const;
const TOKEN = /^[\w-]{22}$/;

/** What an answer's run is found by when its buttons are pressed: a secret, which names nothing and gives no right. */
export function newVoteToken(): string {
  return randomBytes(16).toString("base64url");
}

/** As it is stored. */
export function hashVoteToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The thumbs under an answer; `labels` is for those who cannot see them. */
export function thumbsOf(token: string, labels: Record<Vote, string>, chosen: Vote | null): Thumbs {
  const choice = (vote: Vote) => ({ value: `${WORDS[vote]}${token}`, label: labels[vote] });
  return { up: choice("up"), down: choice("down"), chosen };
}

/** The vote that a pressed button means; null = it is no thumb of ours. */
export function readVoteValue(value: string): { token: string; vote: Vote } | null {
  for (const vote of ["up", "down"] as const) {
    const token = value.startsWith(WORDS[vote]) ? value.slice(WORDS[vote].length) : "";
    if (TOKEN.test(token)) return { token, vote };
  }
  return null;
}
