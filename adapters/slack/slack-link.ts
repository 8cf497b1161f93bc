import { carriesMuch } from "../../src/platform/link-safety.ts";

/** Longer addresses are shown, not linked. */
const MAX_URL = 500;
/** Read as a character, even within an address. */
const ENTITY = /&(?:#|[a-z]{2,8};)/i;

/**
 * The address as a link may have it, or null: only what a person can tell the meaning of is made live. Fetching a link
 * sends all of it to a stranger, so what could hold a secret is shown as text instead.
 */
export function toLiveUrl(url: string): string | null {
  if (url.length > MAX_URL || ENTITY.test(url) || !/^(?:https?:\/\/|mailto:)[^\s<>|`"\\]+$/i.test(url)) return null;
  const parsed = URL.parse(url);
  if (parsed === null || carriesMuch(parsed)) return null;
  const isMail = parsed.protocol === "mailto:";
  const live = url.replaceAll(isMail ? /[()*[\]]/g : /[()*[\]]|@(?=channel|here|everyone|group)/gi, percent);
  // A host written in brackets is none without them.
  return URL.canParse(live) ? live : null;
}

function percent(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Whether the label is the address, with or without what goes without saying. */
export function isOwnLabel(label: string, url: string): boolean {
  return [url, url.replace(/^https?:\/\//i, ""), url.replace(/^mailto:/i, "")].includes(label);
}
