/** Longer addresses are shown, not linked. */
const MAX_URL = 500;
/** What behind `?` and `#` may carry out of a conversation what is none of the link's business. */
const MAX_QUERY = 40;
const MAX_PATH = 200;
/** A name in DNS can carry something out as well. */
const MAX_HOST_LABEL = 40;
/** Read as a character, even within an address. */
const ENTITY = /&(?:#|[a-z]{2,8};)/i;

/**
 * The address as a link may have it, or null: only what a person can tell the meaning of is made live. Fetching a link
 * sends all of it to a stranger, so what could hold a secret is shown as text instead.
 */
export function toLiveUrl(url: string): string | null {
  if (url.length > MAX_URL || ENTITY.test(url) || !/^(?:https?:\/\/|mailto:)[^\s<>|`"\\]+$/i.test(url)) return null;
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username !== "" || parsed.password !== "" || carriesMuch(parsed)) return null;
  const isMail = parsed.protocol === "mailto:";
  const live = url.replaceAll(isMail ? /[()*[\]]/g : /[()*[\]]|@(?=channel|here|everyone|group)/gi, percent);
  // A host written in brackets is none without them.
  return URL.canParse(live) ? live : null;
}

function percent(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}

function carriesMuch({ hostname, pathname, search, hash }: URL): boolean {
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

/** Whether the label is the address, with or without what goes without saying. */
export function isOwnLabel(label: string, url: string): boolean {
  return [url, url.replace(/^https?:\/\//i, ""), url.replace(/^mailto:/i, "")].includes(label);
}

function hostOf(href: string): string {
  const host = href.startsWith("mailto:") ? (href.split("@").at(-1)?.split("?")[0] ?? "") : new URL(href).hostname;
  return host.replace(/^www\./, "").toLowerCase();
}
