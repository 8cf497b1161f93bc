import { carriesMuch } from "../../src/platform/link-safety.ts";

/** Longer ones are shown as text. */
const MAX_URL = 2048;

/**
 * The address as a `text_link` takes it, or null. One link that Telegram does not accept refuses the whole message, so
 * only what it surely takes is let through: http and https with a dot in the host, and tg (tdlib, LinkManager.cpp),
 * but not the tg link that mentions a person, and tells them so (Bot API, "Formatting options").
 * `mailto:` and `tel:` are not known there; as text Telegram makes them tappable by itself.
 */
export function toLinkUrl(url: string): string | null {
  if (url.length > MAX_URL) return null;
  if (/^tg:\/\/(?!user\b)[a-z0-9_-]+([/?#][!-~]*)?$/i.test(url)) return url;
  if (!/^https?:\/\//i.test(url)) return null;
  const parsed = URL.parse(url);
  if (parsed === null || parsed.href.length > MAX_URL || parsed.port === "0" || carriesMuch(parsed)) return null;
  return parsed.hostname.startsWith("[") || /[^.]\.[^.]/.test(parsed.hostname) ? parsed.href : null;
}

/** The text in parts, those apart that are addresses of the web which may be links: where Telegram looks for none. */
export function* linksOf(text: string): Generator<{ label: string; url: string | null }> {
  let from = 0;
  for (const found of text.matchAll(/\bhttps?:\/\/[^\s<>"`]+/giu)) {
    const label = withoutEnd(found[0]);
    const url = toLinkUrl(label.replaceAll(JOINER, ""));
    if (url === null) continue;
    if (found.index > from) yield { label: text.slice(from, found.index), url: null };
    yield { label, url };
    from = found.index + label.length;
  }
  if (from < text.length) yield { label: text.slice(from), url: null };
}

/** Without the signs behind an address that belong to the sentence. */
function withoutEnd(address: string): string {
  return address.replace(/[.,;:!?'*_~)}\]]+$/, "");
}

/** An address as one reads it: without the schemes that say nothing to a reader. */
export function readableUrl(url: string): string {
  return url.replace(/^(mailto|tel):/i, "");
}

/** Whether the label already is the address, so that Telegram finds the link by itself. */
export function isOwnLabel(label: string, url: string): boolean {
  return [url, readableUrl(url), url.replace(/^https?:\/\//i, "")].includes(label);
}

/** A sign of no width, which joins words and keeps Telegram from finding a name or an address in them. */
const JOINER = "\u2060";
/** What Telegram makes a mention of by itself, and tells that person (tdlib, MessageEntity.cpp, match_mentions). */
const MENTION = /(?<![\p{L}\p{N}_])@(?=[a-z0-9_]{2,32}(?![\p{L}\p{N}_]))/giu;
/** What Telegram may find to be an address where nobody marked one. */
const ADDRESS = /(?:\b[a-z][a-z0-9+.-]{0,20}:\/\/|(?:\b[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?=[:/?#]))[^\s<>"`]+/giu;

/** The text, calling nobody. */
export function withoutMentions(text: string): string {
  return text.includes("@") ? text.replaceAll(MENTION, `@${JOINER}`) : text;
}

/** The text in parts, those apart that are addresses which could carry something out of the conversation. */
export function* partsOf(text: string): Generator<{ text: string; secret: boolean }> {
  let from = 0;
  for (const found of /[/?#]/.test(text) ? text.matchAll(ADDRESS) : []) {
    const address = withoutEnd(found[0]);
    const parsed = URL.parse(address.includes("://") ? address : `https://${address}`);
    if (parsed !== null && !carriesMuch(parsed)) continue;
    if (found.index > from) yield { text: text.slice(from, found.index), secret: false };
    yield { text: address, secret: true };
    from = found.index + address.length;
  }
  if (from < text.length) yield { text: text.slice(from), secret: false };
}

/** A text of the same length for a message without formatting, where nothing else keeps Telegram from making it live. */
export function quietText(text: string): string {
  const parts = Array.from(partsOf(text.replaceAll(MENTION, "\uFF20")), (part) =>
    part.secret ? part.text.replaceAll(".", "\u2024").replaceAll(":", "\uFF1A").replaceAll("@", "\uFF20") : part.text,
  );
  return parts.join("");
}
