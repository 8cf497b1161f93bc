import type { AlignType } from "mdast";
import type { FormattedText } from "./formatted-text.ts";

/** Where something stands in the text. */
export interface Range {
  from: number;
  to: number;
}

/** One block of a text. `indent` begins each of its lines in the text, and is no part of what it says. */
export type TextBlock =
  | (Range & { type: "paragraph"; indent: string })
  | (Range & { type: "heading"; indent: string; depth: 1 | 2 | 3 | 4 | 5 | 6 })
  | (Range & { type: "code"; language: string | null })
  | (Range & { type: "rule" })
  | { type: "quote"; blocks: readonly TextBlock[] }
  | { type: "list"; items: readonly TextItem[] }
  | (Range & { type: "table"; align: readonly AlignType[]; head: readonly FormattedText[]; rows: readonly TextRow[] });

export interface TextItem {
  /** Where its bullet, number or box stands. */
  at: number;
  /** In a list with numbers. */
  number: number | null;
  /** Of a task. */
  checked: boolean | null;
  blocks: readonly TextBlock[];
}

export interface TextRow extends Range {
  cells: readonly FormattedText[];
}

/** A text, and what it is made of: all that is seen of it stands in one of the blocks, or is their marks. */
export interface OutlinedText extends FormattedText {
  blocks: readonly TextBlock[];
  /** It holds something that a text can show only poorly: a table, or tasks. */
  wantsMore: boolean;
}
