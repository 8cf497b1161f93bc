import { JSON_TYPE, SIGNATURE, signature, TIMESTAMP, type Post } from "./signed-post.ts";

/** docs.slack.dev/authentication/verifying-requests-from-slack: five minutes; here a second more. */
const TOO_OLD_MS = 301_000;
/** What comes from the future gets nearer on its way. */
const TOO_NEW_MS = 330_000;

/** One line per lie: from a request that Slack could have sent to one it did not. */
const FORGERIES = {
  /** Right form, wrong content. */
  bad_signature: (post: Post) => having(post, { [SIGNATURE]: `v0=${"0".repeat(64)}` }),
  other_secret: (post: Post) =>
    having(post, { [SIGNATURE]: signature("another secret", Number(post.headers[TIMESTAMP]), post.body) }),
  empty_secret: (post: Post) =>
    having(post, { [SIGNATURE]: signature("", Number(post.headers[TIMESTAMP]), post.body) }),
  /** A comparison of unequal lengths. */
  short_signature: (post: Post) => having(post, { [SIGNATURE]: (post.headers[SIGNATURE] ?? "").slice(0, -1) }),
  empty_signature: (post: Post) => having(post, { [SIGNATURE]: "v0=" }),
  other_version: (post: Post) => having(post, { [SIGNATURE]: (post.headers[SIGNATURE] ?? "").replace("v0=", "v1=") }),
  no_signature: (post: Post) => without(post, SIGNATURE),
  no_timestamp: (post: Post) => without(post, TIMESTAMP),
  no_headers: (post: Post) => without(without(post, SIGNATURE), TIMESTAMP),
  /** Properly signed, but long ago: recorded and sent again. */
  stale: (post: Post, secret: string) => signedAt(post, secret, -TOO_OLD_MS),
  /** Properly signed for a time to come. */
  future: (post: Post, secret: string) => signedAt(post, secret, TOO_NEW_MS),
  /** An old signature under a new time. */
  moved_timestamp: (post: Post, secret: string) =>
    having(signedAt(post, secret, -TOO_OLD_MS), { [TIMESTAMP]: post.headers[TIMESTAMP] ?? "" }),
  odd_timestamp: (post: Post, secret: string) =>
    having(post, { [TIMESTAMP]: "NaN", [SIGNATURE]: signature(secret, Number.NaN, post.body) }),
  /** One byte of the body is another: the last letter or digit. */
  changed_body: (post: Post) => ({
    ...post,
    body: post.body.replace(/[a-z0-9](?=[^a-z0-9]*$)/i, (last) => (last === "x" ? "y" : "x")),
  }),
  /** Says that it only checks the certificate. */
  unsigned_ssl_check: (post: Post) => ({
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: `ssl_check=1&payload=${encodeURIComponent(post.body)}`,
  }),
  /** Asks to have its challenge said back. */
  unsigned_url_verification: () => ({
    headers: { "content-type": JSON_TYPE },
    body: JSON.stringify({ type: "url_verification", token: "x", challenge: "forged-challenge" }),
  }),
} satisfies Record<string, (post: Post, secret: string) => Post>;

export type Forgery = keyof typeof FORGERIES;

export const ALL_FORGERIES = Object.keys(FORGERIES) as Forgery[];

/** @param post a genuine one */
export function forged(kind: Forgery, post: Post, secret: string): Post {
  return FORGERIES[kind](post, secret);
}

function having(post: Post, headers: Record<string, string>): Post {
  return { ...post, headers: { ...post.headers, ...headers } };
}

function without(post: Post, header: string): Post {
  const { [header]: _, ...headers } = post.headers;
  return { ...post, headers };
}

function signedAt(post: Post, secret: string, byMs: number): Post {
  const seconds = Number(post.headers[TIMESTAMP]) + byMs / 1000;
  return having(post, { [TIMESTAMP]: String(seconds), [SIGNATURE]: signature(secret, seconds, post.body) });
}
