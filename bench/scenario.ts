import type { RowName } from "./goals.ts";
import type { Lab } from "./lab.ts";
import type { Findings } from "./report.ts";

/** One part of the bench: what it measures, and how. It leaves nothing running. */
export interface Scenario {
  /** For `--only`. */
  name: string;
  rows: readonly RowName[];
  run(lab: Lab, findings: Findings): Promise<void>;
}
