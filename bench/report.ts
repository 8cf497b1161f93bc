import { describeGoal, type Goal, type GoalRow, GOALS, isMet, type RowName } from "./goals.ts";
import { median } from "./statistics.ts";

export type Side = "floor" | "ours";

/** What became of the questions of a scenario, judged by what the chats show in the end. */
export interface Counts {
  asked: number;
  /** No message holds the whole answer. */
  lost: number;
  /** More than one message answers. */
  doubled: number;
  /** Messages of the bot that hold anything else. */
  wrong: number;
}

/** One measurement of one round. */
export interface Finding {
  row: RowName;
  side: Side;
  value: number;
}

/** A line of the report: medians over the rounds. */
export interface ReportRow {
  row: RowName;
  what: string;
  unit: string;
  goal: string;
  floor: number | null;
  ours: number | null;
  /** Ours by the floor's. */
  ratio: number | null;
  met: boolean | null;
  /** Of ours, all rounds together. */
  counts: Counts | null;
  rounds: number;
  /** Where it comes from, or why it is missing or not met. */
  note: string;
}

/** What a scenario has found: its measurements, what the chats showed, and what is to be said of them. */
export class Findings {
  readonly #found: Finding[] = [];
  readonly #counts = new Map<RowName, Counts>();
  readonly #notes = new Map<RowName, string[]>();

  add(side: Side, values: Partial<Record<RowName, number>>): void {
    for (const [row, value] of Object.entries(values)) this.#found.push({ row: row as RowName, side, value });
  }

  /** Adds to what is known of these rows. */
  count(rows: readonly RowName[], counts: Counts): void {
    for (const row of rows) {
      const known = this.#counts.get(row) ?? { asked: 0, lost: 0, doubled: 0, wrong: 0 };
      this.#counts.set(row, {
        asked: known.asked + counts.asked,
        lost: known.lost + counts.lost,
        doubled: known.doubled + counts.doubled,
        wrong: known.wrong + counts.wrong,
      });
    }
  }

  /** Says something about these rows, once. */
  note(rows: readonly RowName[], text: string): void {
    for (const row of rows) {
      const known = this.#notes.get(row) ?? [];
      if (!known.includes(text)) this.#notes.set(row, [...known, text]);
    }
  }

  /** The lines of these rows, in the order of the goals. `busy` is added where a goal is not met. */
  report(rows: readonly RowName[], busy = ""): ReportRow[] {
    return rows.map((row) => {
      const { what, unit, goal }: GoalRow = GOALS[row];
      const of = (side: Side) => this.#found.filter((found) => found.row === row && found.side === side);
      const middle = (side: Side) => (of(side).length === 0 ? null : median(of(side).map(({ value }) => value)));
      const [floor, ours] = [middle("floor"), middle("ours")];
      const counts = this.#counts.get(row) ?? null;
      const met = judge(goal, ours, floor, counts);
      const notes = [...(this.#notes.get(row) ?? []), ...(met === false && busy !== "" ? [busy] : [])];
      return {
        row,
        what,
        unit,
        goal: describeGoal(goal),
        floor,
        ours,
        ratio: floor === null || ours === null || floor === 0 ? null : ours / floor,
        met,
        counts,
        rounds: of("ours").length,
        note: notes.join("; "),
      };
    });
  }
}

/** A fast wrong answer reaches nothing. */
function judge(goal: Goal | null, ours: number | null, floor: number | null, counts: Counts | null): boolean | null {
  const met = isMet(goal, ours, floor);
  return met === true && counts !== null && counts.lost + counts.doubled + counts.wrong > 0 ? false : met;
}

const HEAD = ["what", "goal", "floor", "ours", "ratio", "met", "lost doubled wrong / asked", "note"];

/** A table in plain text, as wide as its content. */
export function renderTable(rows: readonly ReportRow[]): string {
  const cells = rows.map((row) => [
    row.what,
    row.goal,
    showNumber(row.floor, row.unit),
    showNumber(row.ours, row.unit),
    row.ratio === null ? "" : row.ratio.toFixed(2),
    row.met === null ? "–" : row.met ? "yes" : "NO",
    row.counts ? `${row.counts.lost} ${row.counts.doubled} ${row.counts.wrong} / ${row.counts.asked}` : "",
    row.note,
  ]);
  const widths = HEAD.map((_, column) => Math.max(...[HEAD, ...cells].map((line) => [...(line[column] ?? "")].length)));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, column) => text + " ".repeat((widths[column] ?? 0) - [...text].length))
      .join("  ")
      .trimEnd();
  return [line(HEAD), widths.map((width) => "─".repeat(width)).join("  "), ...cells.map(line)].join("\n");
}

function showNumber(value: number | null, unit: string): string {
  if (value === null || Number.isNaN(value)) return "";
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`;
}
