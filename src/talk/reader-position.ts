import { GatewayError } from "../errors.ts";
import type { RunId } from "../ids.ts";

export interface RunPosition {
  attempt: number;
  n: number;
  /** Its final event was read; its messages may follow. */
  final: boolean;
}

const MAX_RUNS = 60;

/**
 * Where a reader stands in a session: how far in the history and in the inbox, which runs it knows of, and the last
 * event it has read of each that is not over for it.
 */
export class ReaderPosition {
  seq = 0;
  /** Null until the reader has joined: from then on it sees everything that happens. */
  joined: { arrivalNo: number; startedMicros: number } | null = null;
  readonly runs = new Map<RunId, RunPosition>();

  /** Reads a cursor that `write` made; "" = the beginning. Throws `invalid`. The text is opaque to clients. */
  static read(text: string, headSeq: number): ReaderPosition {
    const position = new ReaderPosition();
    if (text === "") return position;
    const [head = "", ...runs] = text.split(" ");
    const numbers = /^(\d{1,15})(?:\.(\d{1,15})\.(\d{1,16}))?$/.exec(head);
    if (!numbers || runs.length > MAX_RUNS) throw noCursor();
    position.seq = Number(numbers[1]);
    if (position.seq > headSeq) throw noCursor();
    if (numbers[2] !== undefined) {
      position.joined = { arrivalNo: Number(numbers[2]), startedMicros: Number(numbers[3]) };
    }
    for (const run of runs) {
      const parts = /^(run_[0-9a-f]{32})@(\d{1,6})\.(\d{1,9})(!?)$/.exec(run);
      if (!parts) throw noCursor();
      const at = { attempt: Number(parts[2]), n: Number(parts[3]), final: parts[4] === "!" };
      position.runs.set(parts[1] as RunId, at);
    }
    return position;
  }

  write(): string {
    const head = this.joined ? `${this.seq}.${this.joined.arrivalNo}.${this.joined.startedMicros}` : `${this.seq}`;
    const runs = [...this.runs].map(([run, at]) => `${run}@${at.attempt}.${at.n}${at.final ? "!" : ""}`);
    return [head, ...runs].join(" ");
  }
}

function noCursor(): GatewayError {
  return new GatewayError("invalid", "This is no cursor of a session.");
}
