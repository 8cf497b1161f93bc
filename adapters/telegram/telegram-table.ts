import type { AlignType } from "mdast";

/** Wider tables would wrap on a telephone, where an aligned table is worse than none. */
const MAX_WIDTH = 60;

/** The rows in columns, or null if they are too wide for that. The first row is the head. */
export function alignTable(rows: readonly (readonly string[])[], align: readonly AlignType[]): string | null {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(1, ...rows.map((row) => displayWidth(row[column] ?? ""))),
  );
  if (widths.reduce((sum, width) => sum + width, 3 * (columns - 1)) > MAX_WIDTH) return null;
  const lines = rows.map((row) =>
    widths
      .map((width, column) => pad(row[column] ?? "", width, align[column] ?? null))
      .join(" | ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("-+-");
  return [lines[0] ?? "", rule, ...lines.slice(1)].join("\n");
}

function pad(text: string, width: number, align: AlignType): string {
  const room = width - displayWidth(text);
  if (align === "right") return " ".repeat(room) + text;
  const left = align === "center" ? Math.floor(room / 2) : 0;
  return " ".repeat(left) + text + " ".repeat(room - left);
}

const CHARACTERS = new Intl.Segmenter("en", { granularity: "grapheme" });
const ZERO = /^[\p{M}\p{Cf}]+$/u;
/** East Asian characters, and emoji with all that is joined to them: families, flags, keycaps. */
const WIDE =
  /[\p{Emoji_Presentation}\p{Regional_Indicator}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303F\uFF01-\uFF60\uFFE0-\uFFE6]|\uFE0F/u;

/** Columns in a monospaced font, nearly: marks take none, East Asian characters and emoji two. */
function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of CHARACTERS.segment(text)) width += ZERO.test(segment) ? 0 : WIDE.test(segment) ? 2 : 1;
  return width;
}
