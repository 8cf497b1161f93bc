import DOMPurify, { type Config } from "dompurify";
import { Marked, type Token, type TokensList } from "marked";

/** A piece of an answer that is drawn on its own, so that what is finished is drawn once. */
export type Piece =
  | { kind: "html"; html: string }
  | { kind: "table"; html: string }
  | { kind: "code"; text: string; language: string };

const SAFE: Config = {
  ALLOWED_TAGS: [
    ..."a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s strong sub sup".split(" "),
    ..."table tbody td th thead tr ul".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "align", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  // These are no addresses.
  ADD_URI_SAFE_ATTR: ["align", "start"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};
const KNOWN_LINK = /^(?:https?:|mailto:)/i;
const MAX_KNOWN = 400;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // Nothing that somebody wrote becomes a tag but by Markdown's own signs.
    html: ({ text }) => escape(text),
    // Loading it would tell its server who reads this, and what an agent was talked into telling.
    image: ({ href, text }) => linkTo(href, escape(text || href)),
    link({ href, tokens }) {
      return linkTo(href, this.parser.parseInline(tokens));
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

const known = new Map<string, Piece>();

/** The pieces of an answer's Markdown, safe to be shown as they are. */
export function readMarkdown(text: string): Piece[] {
  const tokens = marked.lexer(text);
  // Where "[1]" leads is said elsewhere in the text: other texts, and this one when it has grown, say otherwise.
  const context = JSON.stringify(tokens.links);
  return tokens
    .filter(({ type }) => type !== "space" && type !== "def")
    .map((token) => pieceOf(token, tokens.links, context));
}

function pieceOf(token: Token, links: TokensList["links"], context: string): Piece {
  if (token.type === "code")
    return { kind: "code", text: String(token["text"]), language: String(token["lang"] ?? "") };
  const key = `${token.raw}\n${context}`;
  const before = known.get(key);
  if (before) return before;
  const html = cleanHtml(marked.parser(Object.assign([token], { links })));
  const piece: Piece = { kind: token.type === "table" ? "table" : "html", html };
  if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!);
  known.set(key, piece);
  return piece;
}

/** The second line behind the renderer: whatever it makes, only this is left. */
function cleanHtml(html: string): string {
  return DOMPurify.sanitize(html, SAFE);
}

function linkTo(href: string, inside: string): string {
  return KNOWN_LINK.test(href) ? `<a href="${escape(href)}">${inside}</a>` : inside;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
