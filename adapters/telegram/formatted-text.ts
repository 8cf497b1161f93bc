import type { MessageEntity } from "grammy/types";

/** What Telegram shows: a text, and what is formatted in it. Offsets and lengths are UTF-16 units, as in a JS string. */
export interface FormattedText {
  text: string;
  /** Properly nested, sorted by offset, the longer first. */
  entities: MessageEntity[];
}

/** One piece of formatting; its identity keeps two neighbours of one type apart. */
export type Mark =
  | { type: "bold" | "italic" | "strikethrough" | "blockquote" | "expandable_blockquote" | "code" }
  | { type: "pre"; language: string | null }
  | { type: "text_link"; url: string };

export type Marks = readonly Mark[];

/** `marks` and one more inside them, where Telegram allows it: no type within itself, and no code within a link. */
export function within(marks: Marks, mark: Mark): Marks {
  const redundant = marks.some((it) => it.type === mark.type || (it.type === "text_link" && mark.type === "code"));
  return redundant ? marks : [...marks, mark];
}

/** Grows a text together with its entities. */
export class FormattedTextBuilder {
  #text = "";
  #separator: { text: string; marks: Marks } | null = null;
  readonly #ranges: { mark: Mark; from: number; to: number }[] = [];
  readonly #latest = new Map<Mark, { mark: Mark; from: number; to: number }>();

  get length(): number {
    return this.#text.length;
  }

  /** Where the next addition will stand. */
  get next(): number {
    return this.#text.length + (this.#separator?.text.length ?? 0);
  }

  get atLineStart(): boolean {
    return this.#text === "" || this.#text.endsWith("\n") || this.#separator !== null;
  }

  /** Appends. Code shows no other formatting but the quote around it (Bot API, "Formatting options"). */
  add(text: string, marks: Marks): void {
    if (text === "") return;
    if (this.#separator) this.#append(this.#separator.text, this.#separator.marks);
    this.#separator = null;
    const isCode = marks.some((it) => it.type === "code" || it.type === "pre");
    this.#append(text, isCode ? marks.filter((it) => ["code", "pre", "blockquote"].includes(it.type)) : marks);
  }

  /** What stands before the next addition, if there is one, and if there was something before. */
  separate(text: string, marks: Marks): void {
    if (this.#text !== "") this.#separator = { text, marks };
  }

  build(): FormattedText {
    const entities = this.#ranges
      .map(({ mark, from, to }) => toEntity(mark, from, to - from))
      .toSorted((a, b) => a.offset - b.offset || b.length - a.length);
    return { text: this.#text, entities };
  }

  #append(text: string, marks: Marks): void {
    const from = this.#text.length;
    this.#text += text;
    for (const mark of marks) {
      const latest = this.#latest.get(mark);
      if (latest?.to === from) {
        latest.to = this.#text.length;
        continue;
      }
      const range = { mark, from, to: this.#text.length };
      this.#latest.set(mark, range);
      this.#ranges.push(range);
    }
  }
}

function toEntity(mark: Mark, offset: number, length: number): MessageEntity {
  if (mark.type === "text_link") return { type: "text_link", offset, length, url: mark.url };
  if (mark.type !== "pre") return { type: mark.type, offset, length };
  return mark.language === null
    ? { type: "pre", offset, length }
    : { type: "pre", offset, length, language: mark.language };
}
