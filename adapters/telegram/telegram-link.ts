/** Longer ones are shown as text. */
const MAX_URL = 2048;

/**
 * The address as a `text_link` takes it, or null. One link that Telegram does not accept refuses the whole message, so
 * only what it surely takes is let through: http and https with a dot in the host, and tg (tdlib, LinkManager.cpp).
 * `mailto:` and `tel:` are not known there; as text Telegram makes them tappable by itself.
 */
export function toLinkUrl(url: string): string | null {
  if (url.length > MAX_URL) return null;
  if (/^tg:\/\/[a-z0-9_-]+([/?#][!-~]*)?$/i.test(url)) return url;
  if (!/^https?:\/\//i.test(url)) return null;
  const parsed = URL.parse(url);
  if (parsed === null || parsed.href.length > MAX_URL || parsed.port === "0") return null;
  return parsed.hostname.startsWith("[") || /[^.]\.[^.]/.test(parsed.hostname) ? parsed.href : null;
}

/** An address as one reads it: without the schemes that say nothing to a reader. */
export function readableUrl(url: string): string {
  return url.replace(/^(mailto|tel):/i, "");
}

/** Whether the label already is the address, so that Telegram finds the link by itself. */
export function isOwnLabel(label: string, url: string): boolean {
  return [url, readableUrl(url), url.replace(/^https?:\/\//i, "")].includes(label);
}
