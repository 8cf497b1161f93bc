import type { DocumentText } from "../../src/agent/document-reader.ts";
import { listZip, readEntry, type ZipEntry } from "./read-zip.ts";
import { sheetRows, sharedStrings } from "./sheet-text.ts";
import { attributeOf, xmlPieces } from "./xml-pieces.ts";

/** All that is unpacked of one document, and the text that is kept of it. */
const MAX_UNPACKED = 64_000_000;
export const MAX_TEXT = 1_000_000;

const OPEN_XML = "application/vnd.openxmlformats-officedocument";
const OPEN_DOCUMENT = /^application\/vnd\.oasis\.opendocument\.[a-z-]+$/;

/** The text of an office document. Pure. A zip that holds something else is `unsupported`. */
export function officeText(bytes: Uint8Array): DocumentText {
  try {
    return new Package(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).read();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // RangeErrors without that code come from archives whose numbers point outside of them.
    return { fault: code === "ERR_BUFFER_TOO_LARGE" || error instanceof TooLarge ? "too_large" : "damaged" };
  }
}

class TooLarge extends RangeError {}

class Package {
  readonly #zip: Buffer;
  readonly #entries: ReadonlyMap<string, ZipEntry>;
  #left = MAX_UNPACKED;

  constructor(zip: Buffer) {
    this.#zip = zip;
    this.#entries = new Map(listZip(zip).map((entry) => [entry.name, entry]));
  }

  read(): DocumentText {
    if ([...this.#entries.values()].some(({ locked }) => locked)) return { fault: "locked" };
    if (this.#entries.has("word/document.xml")) {
      const names = ["word/document.xml", "word/footnotes.xml", "word/endnotes.xml"];
      const text = names
        .map((name) => paragraphs(this.#part(name), WORD))
        .join("\n")
        .trim();
      return { text, mediaType: `${OPEN_XML}.wordprocessingml.document` };
    }
    if (this.#entries.has("ppt/presentation.xml")) {
      const slides = this.#numbered("ppt/slides/slide").map(
        (name, index) => `[slide ${index + 1}]\n${paragraphs(this.#part(name), SLIDE)}`,
      );
      return { text: slides.join("\n\n"), mediaType: `${OPEN_XML}.presentationml.presentation` };
    }
    if (this.#entries.has("xl/workbook.xml")) {
      return { text: this.#sheets(), mediaType: `${OPEN_XML}.spreadsheetml.sheet` };
    }
    const mediaType = this.#entries.has("mimetype") ? this.#part("mimetype").trim() : "";
    if (!OPEN_DOCUMENT.test(mediaType) || !this.#entries.has("content.xml")) return { fault: "unsupported" };
    return { text: paragraphs(this.#part("content.xml"), OPEN), mediaType };
  }

  #sheets(): string {
    const strings = sharedStrings(this.#part("xl/sharedStrings.xml"));
    const titles = [...xmlPieces(this.#part("xl/workbook.xml"))].flatMap((piece) =>
      piece.kind === "open" && piece.name === "sheet" ? [attributeOf(piece.attributes, "name") ?? ""] : [],
    );
    let text = "";
    for (const [index, name] of this.#numbered("xl/worksheets/sheet").entries()) {
      if (text.length > MAX_TEXT) break;
      text += `[sheet ${titles[index] ?? index + 1}]\n${sheetRows(this.#part(name), strings, MAX_TEXT)}\n\n`;
    }
    return text.trim();
  }

  /** `<prefix>1.xml`, `<prefix>2.xml` …, by their numbers. */
  #numbered(prefix: string): string[] {
    const numberOf = (name: string) => Number(/^(\d+)\.xml$/.exec(name.slice(prefix.length))?.[1] ?? Number.NaN);
    return [...this.#entries.keys()]
      .filter((name) => name.startsWith(prefix) && Number.isInteger(numberOf(name)))
      .toSorted((a, b) => numberOf(a) - numberOf(b));
  }

  /** A part's text; "" = there is none. */
  #part(name: string): string {
    const entry = this.#entries.get(name);
    if (!entry) return "";
    if (this.#left <= 0) throw new TooLarge();
    const bytes = readEntry(this.#zip, entry, this.#left);
    this.#left -= bytes.length;
    return bytes.toString("utf8");
  }
}

/** Which elements of a format hold text, and what its ends and empty elements stand for. */
interface Shape {
  holds: string[];
  ends: Readonly<Record<string, string>>;
}

const WORD: Shape = {
  holds: ["w:t"],
  ends: { "w:p": "\n", "w:br": "\n", "w:cr": "\n", "w:tab": "\t", "w:tc": "\t", "w:tr": "\n" },
};
const SLIDE: Shape = { holds: ["a:t"], ends: { "a:p": "\n", "a:br": "\n", "a:tc": "\t", "a:tr": "\n" } };
const OPEN: Shape = {
  holds: ["text:p", "text:h"],
  ends: {
    "text:p": "\n",
    "text:h": "\n",
    "text:line-break": "\n",
    "text:tab": "\t",
    "text:s": " ",
    "table:table-cell": "\t",
    "table:table-row": "\n",
  },
};

/** A line per paragraph, tabs between cells. */
function paragraphs(xml: string, { holds, ends }: Shape): string {
  // In pieces: to look at the end of a text that grows would cost a copy of it each time.
  const said: string[] = [];
  let length = 0;
  let inside = 0;
  for (const piece of xmlPieces(xml)) {
    if (length > MAX_TEXT) break;
    let more = "";
    if (piece.kind === "text") {
      if (inside > 0) more = piece.text;
    } else {
      const isOver = piece.kind === "close" || piece.empty;
      if (holds.includes(piece.name) && !(piece.kind === "open" && piece.empty))
        inside += piece.kind === "open" ? 1 : -1;
      if (isOver) more = ends[piece.name] ?? "";
      // A cell's last paragraph ends with the cell.
      if (more === "\t" && said.at(-1) === "\n") length -= said.pop()!.length;
    }
    if (more !== "") said.push(more);
    length += more.length;
  }
  return said
    .join("")
    .replaceAll(/(?<![\t ])[\t ]+$/gm, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}
