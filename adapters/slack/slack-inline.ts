import { closingCodeRun, codeRunAt } from "../../src/platform/code-run.ts";
import { isHonest } from "../../src/platform/link-safety.ts";
import { isOwnLabel, toLiveUrl } from "./slack-link.ts";

/** What stands on a line, as Slack's Markdown and as it is seen. */
export interface Shown {
  markdown: string;
  plain: string;
}

/** A sign of no width: between two others it keeps them from meaning something. */
export const NOTHING = "\u200B";
/** Looks like a backtick. One without its partner could take one of ours for it, and what is between for code. */
export const BACKTICK = "\u02CB";
/** Longer ones are text, so that nothing on a line depends on what is far behind it. */
const MAX_LABEL = 400;
const MAX_DESTINATION = 2500;
/** How much of an unfinished line may be code that is not closed yet. */
const MAX_OPEN_CODE = 80;

const CALL_ALL = /@(?=channel|here|everyone|group)/iy;
const AUTOLINK = /<((?:https?:\/\/|mailto:)[^\s<>|]*|[\w.+-]+@[\w-]+\.[\w.-]+)>/iy;
/** How Slack may find an address where nobody marked one, to be on the safe side. */
const ADDRESS_BEGIN = /[a-z][a-z0-9+.-]{0,20}:\/\/|www\.|(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}[/?#]/i;
const ADDRESS =
  /(?:[!-;=?-Z\\^_a-{}~]|(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}])[\p{L}\p{M}\p{N}])+/uy;
/** What may stand behind an address without becoming a part of it (GFM, "Autolinks (extension)"). */
const END_OF_ADDRESS = /[.,:!?*_~)]*(?=\s|$)/y;
/** Links in the labels of links; deeper ones are text. */
const MAX_DEPTH = 3;
const WORDS = /[^\s\\`![\]<>@&*_~]+|\s+/y;
const CHARACTER = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(commat|lt|gt|amp|quot|nbsp));/iy;
/** An address, perhaps with a title; with anything else beside it, it is none. */
const DESTINATION = /^\s*(?:<[^<>]*>|[^\s<]\S*)?(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*$/;
/** An address that is not there to its end. */
const OPEN_DESTINATION = /^\(\S*(?:\s+"[^"]*"?)?$/;
const DELIMITERS = /\*{1,3}|_{1,3}|~~/y;

interface Delimiter {
  run: string;
  /** Where it stands in the plain parts. */
  at: number;
}

/** How a text ends: as it is, or because it is not finished yet, or because it was cut and more stands right behind. */
export type Ending = "end" | "open" | "cut";

/**
 * Reads one line of Markdown and writes it so that nothing in it is live but honest links: no mention, no image, no
 * address that could carry something out. Whatever is written has one meaning only, whoever reads it: Slack's parser is
 * not known in all its ways. What an open line has begun is shown as if it were finished.
 */
export function renderInline(source: string, ending: Ending = "end"): Shown {
  return new InlineWriter(ending === "open" ? source.trimEnd() : source, ending).write();
}

/** Code as it is written between backticks or fences: Slack decodes its three entities there as well, once. */
export function escapeCode(code: string): string {
  return code
    .replaceAll(/&(?=(?:amp|lt|gt);)/g, "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

class InlineWriter {
  readonly #source: string;
  readonly #ending: Ending;
  /** How many labels of links this stands in. */
  readonly #depth: number;
  /** It is going to be live itself, as the label of a link. */
  readonly #inLink: boolean;
  #at = 0;
  #markdown = "";
  readonly #plain: string[] = [];
  readonly #delimiters: Delimiter[] = [];

  constructor(source: string, ending: Ending, depth = 0, inLink = false) {
    this.#source = source;
    this.#ending = ending;
    this.#depth = depth;
    this.#inLink = inLink;
  }

  write(): Shown {
    while (this.#at < this.#source.length) this.#next();
    if (this.#ending === "open") this.#closeDelimiters();
    return { markdown: this.#markdown, plain: this.#plain.join("") };
  }

  #next(): void {
    const sign = this.#source[this.#at]!;
    switch (sign) {
      case "\\":
        return this.#escape();
      case "`":
        return this.#code();
      case "!":
        return this.#source[this.#at + 1] === "[" ? this.#link(1) : this.#add(1, "!", "!");
      case "[":
        return this.#link(0);
      case "]":
        // Neither a link's, nor a reference's, nor a definition's.
        return this.#add(1, /[([:]/.test(this.#source[this.#at + 1] ?? "") ? `]${NOTHING}` : "]", "]");
      case "<":
        return this.#autolink();
      case ">":
        return this.#add(1, "&gt;", ">");
      case "@":
        return this.#add(1, this.#callsAll() ? `@${NOTHING}` : "@", "@");
      case "&":
        return this.#character();
      case "*":
      case "_":
      case "~":
        return this.#delimiter();
      default:
        return this.#words();
    }
  }

  #add(length: number, markdown: string, plain: string): void {
    this.#at += length;
    // Not escaped by what stands before it, and no part of its backticks.
    if (markdown.startsWith("`") && /[\\`]$/.test(this.#markdown)) this.#markdown += NOTHING;
    this.#markdown += markdown;
    this.#plain.push(plain);
  }

  /** What is behind a backslash; the backslash is left out where what it escapes is made harmless anyway. */
  #escape(): void {
    const sign = this.#source[this.#at + 1] ?? "";
    this.#at += 1;
    if (sign === "<" || sign === ">" || sign === "@" || sign === "]") return this.#next();
    if (sign === "`") return this.#add(1, BACKTICK, sign);
    if (sign === "&") return this.#add(1, "&amp;", sign);
    if (sign === "!" && this.#source[this.#at + 1] === "[") return this.#add(1, `!${NOTHING}`, sign);
    return /[!-/:-@[-`{-~]/.test(sign) ? this.#add(1, `\\${sign}`, sign) : this.#add(0, "\\", "\\");
  }

  /** `@channel` and the like; an address of mail only looks so. */
  #callsAll(): boolean {
    return this.#match(CALL_ALL) !== null && !isWord(this.#source[this.#at - 1] ?? " ");
  }

  #code(): void {
    const run = codeRunAt(this.#source, this.#at);
    const from = this.#at + run.length;
    const end = closingCodeRun(this.#source, from, run.length);
    const rest = this.#source.slice(from);
    if (end !== -1) {
      const code = this.#source.slice(from, end);
      return this.#add(end + run.length - this.#at, run + escapeCode(code) + run, withoutPadding(code));
    }
    if (this.#ending === "open" && run.length < 3 && rest.length <= MAX_OPEN_CODE && !/^\s|`/.test(rest)) {
      return rest === ""
        ? this.#add(run.length, "", "")
        : this.#add(run.length + rest.length, run + escapeCode(rest) + run, withoutPadding(rest));
    }
    return this.#add(run.length, BACKTICK.repeat(run.length), run);
  }

  /** `bang`: 1 if it is an image, which is never shown: its address is, as text. */
  #link(bang: 0 | 1): void {
    const label = this.#depth < MAX_DEPTH ? bracketed(this.#source, this.#at + bang, "[", "]", MAX_LABEL) : null;
    const start = this.#at + bang + (label?.length ?? 0) + 2;
    if (label === null || this.#source[start] !== "(") return this.#literalBracket(bang);
    const inside = bracketed(this.#source, start, "(", ")", MAX_DESTINATION);
    const isBegun = this.#ending === "open" && OPEN_DESTINATION.test(this.#source.slice(start));
    if (inside === null ? !isBegun : !DESTINATION.test(inside)) return this.#literalBracket(bang);
    const end = inside === null ? this.#source.length : start + inside.length + 2;
    return this.#write(end - this.#at, this.#linked(bang, label, destinationOf(inside ?? ""), end));
  }

  #literalBracket(bang: 0 | 1): void {
    if (bang === 1) this.#add(1, `!${NOTHING}`, "!");
    this.#add(1, "[", "[");
  }

  #linked(bang: 0 | 1, label: string, url: string, end: number): Shown {
    const inside = (inLink: boolean) => new InlineWriter(label, "end", this.#depth + 1, inLink).write();
    const text = inside(this.#inLink);
    const isEmpty = text.plain.trim() === "";
    if (bang === 1) {
      const alt = isEmpty ? { markdown: "image", plain: "image" } : text;
      return url === "" || this.#inLink ? alt : withAddress(alt, { markdown: asCode(url), plain: url });
    }
    if (url === "") return text;
    if (isEmpty || isOwnLabel(text.plain, url)) return this.#addressed(url, end);
    const href = this.#inLink ? null : toLiveUrl(url);
    if (href === null) return withAddress(text, this.#addressed(url, end));
    const linked = inside(true);
    if (!isHonest(linked.plain, href)) return withAddress(text, this.#addressed(url, end));
    return { markdown: `[${linked.markdown}](${href})`, plain: linked.plain };
  }

  /** An address by itself: as it is if it may be live and is sure to end here, else as code, where nothing is. */
  #addressed(url: string, end: number): Shown {
    const plain = url.replace(/^mailto:/i, "");
    if (this.#inLink) return { markdown: asText(plain), plain };
    END_OF_ADDRESS.lastIndex = end;
    const behind = END_OF_ADDRESS.exec(this.#source)?.[0];
    const isClear = behind !== undefined && !(this.#ending === "cut" && end + behind.length === this.#source.length);
    const goesOnAbroad = /^[^\0-\x7F]/.test(this.#source.slice(end, end + 1));
    if (!mayBeLive(url) || !(isClear || goesOnAbroad)) return { markdown: asCode(plain), plain };
    return { markdown: isClear ? plain : `${plain} `, plain };
  }

  #autolink(): void {
    const found = this.#match(AUTOLINK);
    if (!found) return this.#add(1, "&lt;", "<");
    return this.#write(found[0].length, this.#addressed(found[1]!, this.#at + found[0].length));
  }

  #words(): void {
    const words = this.#match(WORDS)?.[0] ?? String.fromCodePoint(this.#source.codePointAt(this.#at)!);
    const mayBe = !this.#inLink && /[/?#]|www\./i.test(words);
    const begin = mayBe ? words.search(ADDRESS_BEGIN) : -1;
    if (begin === -1) return this.#add(words.length, words, words);
    if (begin > 0) return this.#add(begin, words.slice(0, begin), words.slice(0, begin));
    const address = withoutEnd(this.#match(ADDRESS)?.[0] ?? "");
    if (address === "") return this.#add(words.length, words, words);
    return this.#write(address.length, this.#addressed(address, this.#at + address.length));
  }

  #character(): void {
    const found = this.#match(CHARACTER);
    if (!found) return this.#add(1, "&", "&");
    const [whole, decimal, hex, name] = found;
    const sign = name === undefined ? characterOf(decimal, hex) : NAMED[name.toLowerCase()]!;
    if (sign === "@") return this.#add(whole.length, `@${NOTHING}`, sign);
    if (sign === "<") return this.#add(whole.length, "&lt;", sign);
    if (sign === ">") return this.#add(whole.length, "&gt;", sign);
    if (sign === "`") return this.#add(whole.length, BACKTICK, sign);
    return this.#add(whole.length, whole, sign);
  }

  /** Runs that belong together are not seen; those without a partner are text. */
  #delimiter(): void {
    const run = this.#match(DELIMITERS)?.[0] ?? this.#source[this.#at]!;
    const before = this.#source[this.#at - 1] ?? " ";
    const after = this.#source[this.#at + run.length] ?? " ";
    const partner = this.#delimiters.findLastIndex((it) => it.run === run);
    const isIntraword = run.startsWith("_") && isWord(before) && isWord(after);
    if (!/\s/.test(before) && partner !== -1 && !isIntraword) {
      this.#plain[this.#delimiters[partner]!.at] = "";
      this.#delimiters.splice(partner);
      return this.#add(run.length, run, "");
    }
    if (run !== "~" && !/\s/.test(after) && !isWord(before)) this.#delimiters.push({ run, at: this.#plain.length });
    return this.#add(run.length, run, run);
  }

  /** What is bold so far is shown bold, instead of the stars it begins with. */
  #closeDelimiters(): void {
    const last = this.#plain.findLastIndex((it) => it !== "");
    for (const { run, at } of this.#delimiters.toReversed().slice(0, 2)) {
      if (!/^(?:\*\*|~~)/.test(run) || at === last) continue;
      this.#plain[at] = "";
      this.#markdown += run;
    }
    const dangling = /(?:^|\s)(?:\*{2,3}|~~)$/.exec(this.#markdown);
    if (!dangling) return;
    this.#markdown = this.#markdown.slice(0, dangling.index);
    this.#plain.pop();
  }

  #write(length: number, { markdown, plain }: Shown): void {
    this.#add(length, markdown, plain);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source);
  }
}

/** Nothing in it must mean anything else, either. */
function mayBeLive(url: string): boolean {
  const isMail = /^[\w.+-]+@[^/]+$/.test(url);
  const whole = isMail ? `mailto:${url}` : /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `https://${url}`;
  return toLiveUrl(whole) !== null && !/@(?:channel|here|everyone|group)|[*_~]{2}|!\[/i.test(url);
}

function withAddress(label: Shown, address: Shown): Shown {
  return { markdown: `${label.markdown} (${address.markdown})`, plain: `${label.plain} (${address.plain})` };
}

function asCode(text: string): string {
  return `\`${escapeCode(text.replaceAll("`", "%60").replaceAll("|", "%7C"))}\``;
}

function asText(text: string): string {
  return new InlineWriter(text, "end", MAX_DEPTH, true).write().markdown;
}

const NAMED: Readonly<Record<string, string>> = { commat: "@", lt: "<", gt: ">", amp: "&", quot: '"', nbsp: " " };

function characterOf(decimal: string | undefined, hex: string | undefined): string {
  const code = decimal === undefined ? Number.parseInt(hex ?? "0", 16) : Number(decimal);
  return code > 0 && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff) ? String.fromCodePoint(code) : "\uFFFD";
}

/** What is between this bracket and its partner, or null. Code and escaped signs in it do not count. */
function bracketed(text: string, from: number, open: string, close: string, max: number): string | null {
  if (text[from] !== open || !text.includes(close, from)) return null;
  let depth = 0;
  for (let at = from; at < Math.min(text.length, from + max); at += 1) {
    const sign = text[at];
    if (sign === "\\") at += 1;
    else if (sign === "`" && open === "[") {
      const run = codeRunAt(text, at);
      const end = closingCodeRun(text, at + run.length, run.length);
      at = (end === -1 ? at : end) + run.length - 1;
    } else if (sign === open) depth += 1;
    else if (sign === close && --depth === 0) return text.slice(from + 1, at);
  }
  return null;
}

/** The address without its title and angle brackets. */
function destinationOf(inside: string): string {
  const [, angled, bare] = /^\s*(?:<([^<>]*)>|(\S*))/.exec(inside) ?? [];
  return (angled ?? bare ?? "").replaceAll(/\\([!-/:-@[-`{-~])/g, "$1");
}

function withoutPadding(code: string): string {
  return /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code;
}

/** Signs of a sentence or of formatting behind an address are not part of it. */
function withoutEnd(address: string): string {
  const end = /[.,;:!?'"*_~)}]+$/.exec(address)?.[0] ?? "";
  const bare = address.slice(0, address.length - end.length);
  return end.startsWith(")") && bare.includes("(") ? `${bare})` : bare;
}

function isWord(sign: string): boolean {
  return /[\p{L}\p{N}]/u.test(sign);
}
