import { decodeNamedCharacterReference } from "decode-named-character-reference";

export interface HtmlText {
  /** "" = it has none. */
  title: string;
  text: string;
}

const LINES = new Set(["address", "dd", "div", "dt", "figcaption", "footer", "header", "legend", "summary", "tr"]);
const BLOCKS = new Set(
  "article aside blockquote details dl fieldset figure form h1 h2 h3 h4 h5 h6 hr main nav ol p pre section table ul".split(
    " ",
  ),
);
/** What stands inside is no text of the page; HTML reads it up to the end tag, whatever it holds. */
const RAW = new Set(["script", "style", "iframe", "noembed", "noframes", "xmp", "title", "textarea"]);
const NAME = /[A-Za-z][^\s/>]*/y;
const HREF = /(?:^|[\s"'/])href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;
/** Of one tag: beyond it nobody has written it by hand, and its attributes are not looked at. */
const MAX_ATTRIBUTES = 8_192;
const MAX_LINK = 500;

/**
 * The words of a page with headings, lists and links, in one pass: time grows with its length alone, whatever it holds,
 * because whoever wrote it may want otherwise. `base`: what relative links begin at.
 */
export function htmlText(html: string, base: string): HtmlText {
  const page = new Words(base);
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    page.text(html.slice(at, open === -1 ? html.length : open));
    if (open === -1) break;
    at = readMarkup(html, open, page);
  }
  return page.result();
}

/** Reads what begins with the `<` at `open`; gives where it ends. Whatever has no end goes on to the end of all. */
function readMarkup(html: string, open: number, page: Words): number {
  if (html.startsWith("<!--", open)) return after(html, "-->", open + 4);
  if (html[open + 1] === "!" || html[open + 1] === "?") return after(html, ">", open);
  const closes = html[open + 1] === "/";
  NAME.lastIndex = open + (closes ? 2 : 1);
  const name = NAME.exec(html)?.[0].toLowerCase();
  if (name === undefined) {
    page.text("<");
    return open + 1;
  }
  const from = NAME.lastIndex;
  const end = tagEnd(html, from);
  if (end === -1) return html.length;
  if (closes) page.close(name);
  else page.open(name, end - from > MAX_ATTRIBUTES ? "" : html.slice(from, end));
  if (closes || !RAW.has(name)) return end + 1;
  const last = new RegExp(`</${name}(?=[\\s/>])`, "gi");
  last.lastIndex = end + 1;
  const found = last.exec(html)?.index ?? html.length;
  page.raw(name, html.slice(end + 1, found));
  return found;
}

function after(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found === -1 ? html.length : found + mark.length;
}

/** Where a tag's `>` stands, but for those in quoted values; -1 = nowhere. */
function tagEnd(html: string, from: number): number {
  let before = "";
  for (let at = from; at < html.length; at += 1) {
    const sign = html[at] ?? "";
    if (sign === ">") return at;
    if ((sign === '"' || sign === "'") && before === "=") {
      at = html.indexOf(sign, at + 1);
      if (at === -1) return -1;
    }
    if (sign.trim() !== "") before = sign;
  }
  return -1;
}

/** What is read so far. */
class Words {
  #base: string;
  readonly #pieces: string[] = [];
  #title = "";
  #preformatted = false;
  /** Of the link that is open, and whether it has words. */
  #link: { address: string; words: boolean } | null = null;

  constructor(base: string) {
    this.#base = base;
  }

  text(raw: string): void {
    if (raw === "") return;
    const text = decodeEntities(raw);
    if (this.#link && text.trim() !== "") this.#link.words = true;
    const words = this.#preformatted ? text : text.replaceAll(/\s+/g, " ");
    if (words !== " " || !this.#lineIsNew) this.#pieces.push(words);
  }

  raw(name: string, text: string): void {
    if (name === "title" && this.#title === "") this.#title = decodeEntities(text).replaceAll(/\s+/g, " ").trim();
    else if (name === "textarea") this.text(text);
  }

  open(name: string, attributes: string): void {
    this.#block(name);
    if (name === "pre") this.#preformatted = true;
    else if (name === "br") this.#pieces.push("\n");
    else if (name === "li") this.#pieces.push("\n- ");
    else if (name === "td" || name === "th") this.#pieces.push(" | ");
    else if (/^h[1-6]$/.test(name)) this.#pieces.push(`${"#".repeat(Number(name[1]))} `);
    else if (name === "a") this.#link = this.#target(attributes);
    else if (name === "base") this.#base = this.#target(attributes)?.address ?? this.#base;
  }

  close(name: string): void {
    if (name === "pre") this.#preformatted = false;
    if (name === "a") {
      if (this.#link?.words) this.#pieces.push(` (${this.#link.address})`);
      this.#link = null;
    }
    this.#block(name);
  }

  get #lineIsNew(): boolean {
    return this.#pieces.at(-1)?.endsWith("\n") ?? true;
  }

  #block(name: string): void {
    if (BLOCKS.has(name)) this.#pieces.push("\n\n");
    else if (LINES.has(name) && !this.#lineIsNew) this.#pieces.push("\n");
  }

  result(): HtmlText {
    const lines = this.#pieces.join("").split("\n");
    // One space is what is left between two blocks; more of it was preformatted.
    const text = lines.map((line) => line.trimEnd().replace(/^ (?! )/, "")).join("\n");
    return { title: this.#title, text: text.replaceAll(/\n{3,}/g, "\n\n").trim() };
  }

  #target(attributes: string): { address: string; words: boolean } | null {
    const found = HREF.exec(attributes);
    const written = found?.[1] ?? found?.[2] ?? found?.[3];
    if (written === undefined || written.startsWith("#")) return null;
    const url = URL.parse(decodeEntities(written).trim(), this.#base);
    if (!url || !/^https?:$/.test(url.protocol) || url.href.length > MAX_LINK) return null;
    return { address: url.href, words: false };
  }
}

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z][a-z0-9]{1,30}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return decodeNamedCharacterReference(name as string) || whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : "\uFFFD";
  });
}
