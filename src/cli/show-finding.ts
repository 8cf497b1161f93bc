import type { Finding } from "../finding.ts";
import { printable } from "./table.ts";

const SIGNS = { ok: "✓", warning: "!", fault: "✗" };

/** A line, and one with what to do. */
export function showFinding({ about, verdict, says, remedy }: Finding): string {
  return `${SIGNS[verdict]} ${about}: ${printable(says)}\n${remedy === "" ? "" : `  → ${printable(remedy)}\n`}`;
}
