/** A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection"). */
const FORMULA = /^\s*[=+\-@\t\r]/;

type Cell = string | number | readonly string[] | null;

/** One record with its line end (RFC 4180); a text that a spreadsheet would calculate is marked as text. */
export function csvLine(values: readonly Cell[]): string {
  return `${values.map(cellOf).join(",")}\r\n`;
}

function cellOf(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = typeof value === "string" ? value : value.join(" ");
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
