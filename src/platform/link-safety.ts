/** What behind `?` and `#` may carry out of a conversation what is none of the link's business. */
const MAX_QUERY = 40;
const MAX_PATH = 200;
/** A name in DNS can carry something out as well. */
const MAX_HOST_LABEL = 40;

/**
 * Whether an address could hold a secret: following it, or its preview, sends all of it to a stranger. Such a one is
 * shown as text, and never live.
 */
export function carriesMuch({ username, password, hostname, pathname, search, hash }: URL): boolean {
  if (username !== "" || password !== "") return true;
  const [path, query] = [decoded(pathname), decoded(search + hash)];
  if (query.length > MAX_QUERY || path.length > MAX_PATH) return true;
  if (hostname.split(".").some((label) => label.length > MAX_HOST_LABEL)) return true;
  return hasToken(query, 20) || hasToken(path, 48);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Something that looks like base64 or like a long number. */
function hasToken(text: string, length: number): boolean {
  const runs = text.match(/[A-Za-z0-9+_=%-]+/g) ?? [];
  return runs.some((run) => run.length >= length && /\d/.test(run) && /[a-z]/i.test(run) && !/^[a-z-]*-\d+$/.test(run));
}

/** Whether the label keeps what it promises: a name of a site in it must be the link's. */
export function isHonest(label: string, href: string): boolean {
  const host = hostOf(href);
  if (host.includes("xn--")) return false;
  const claims = label.toLowerCase().match(/(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}/gu) ?? [];
  return claims.every((claim) => claim.replace(/^www\./, "") === host);
}

function hostOf(href: string): string {
  const host = href.startsWith("mailto:") ? (href.split("@").at(-1)?.split("?")[0] ?? "") : new URL(href).hostname;
  return host.replace(/^www\./, "").toLowerCase();
}
