import { attributeOf, xmlPieces } from "./xml-pieces.ts";

/** Empty cells before a filled one are kept up to this column, so that columns stay columns. */
const MAX_COLUMNS = 200;

/** The strings that cells name by their number. */
export function sharedStrings(xml: string): string[] {
  const strings: string[] = [];
  let open = false;
  for (const piece of xmlPieces(xml)) {
    if (piece.kind === "open" && piece.name === "si") strings.push("");
    else if (piece.kind !== "text") {
      if (piece.name === "t") open = piece.kind === "open" && !piece.empty;
      // How it is pronounced is no part of it.
      if (piece.name === "rPh") open = false;
    } else if (open && strings.length > 0) strings[strings.length - 1] += piece.text;
  }
  return strings;
}

/** One sheet: a line per row, tabs between cells, values as they are stored (dates as numbers). */
export function sheetRows(xml: string, strings: readonly string[], maxChars: number): string {
  let text = "";
  let cells: string[] = [];
  let cell = { column: 0, type: "", value: "" };
  let open = false;
  for (const piece of xmlPieces(xml)) {
    if (piece.kind === "text") {
      if (open) cell.value += piece.text;
      continue;
    }
    if (piece.name === "v" || piece.name === "t") open = piece.kind === "open" && !piece.empty;
    else if (piece.name === "c" && piece.kind === "open") {
      const column = columnOf(attributeOf(piece.attributes, "r")) ?? cells.length;
      cell = { column, type: attributeOf(piece.attributes, "t") ?? "", value: "" };
    } else if (piece.name === "c") {
      while (cells.length < Math.min(cell.column, MAX_COLUMNS)) cells.push("");
      const value = cell.type === "s" ? (strings[Number(cell.value)] ?? "") : cell.value;
      cells.push(value.replaceAll(/[\t\r\n]+/g, " "));
    } else if (piece.name === "row" && piece.kind === "close") {
      text += `${cells.join("\t").trimEnd()}\n`;
      cells = [];
      if (text.length > maxChars) break;
    }
  }
  return text.trimEnd();
}

/** `AB12` → 27; null = it does not say. */
function columnOf(reference: string | null): number | null {
  const letters = /^[A-Z]{1,3}/.exec(reference ?? "")?.[0];
  if (letters === undefined) return null;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}
