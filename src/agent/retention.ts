/**
 * For how many days what is kept: 0 = for ever. `messages` are whole turns with their runs, the newest summary of a
 * talk stays; `inbox` is what was never a talk's, and by which platforms' repeats are known.
 */
export const RETENTION_DAYS = {
  messages: 0,
  memories: 0,
  files: 30,
  run_events: 1,
  inbox: 7,
  outbox: 7,
  approvals: 90,
  usage: 400,
  traces: 30,
  feedback: 730,
  audit: 400,
};

export type Kind = keyof typeof RETENTION_DAYS;
export type Retention = Readonly<Record<Kind, number>>;

/** More is no policy but a slip of the pen. */
const MAX_DAYS = 36_500;

/** Reads the section `retention`; what is wrong with it is added to `faults`. */
export function readRetention(value: unknown, faults: string[]): Retention {
  const days: Record<Kind, number> = { ...RETENTION_DAYS };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    faults.push("retention: must be a mapping of kinds to days");
    return days;
  }
  for (const [kind, wanted] of Object.entries(value)) {
    if (!isKind(kind)) {
      const known = Object.keys(RETENTION_DAYS).join(", ");
      faults.push(`retention.${kind}: is not a kind; remove it (kinds: ${known})`);
    } else if (typeof wanted !== "number" || !Number.isInteger(wanted) || wanted < 0 || wanted > MAX_DAYS) {
      faults.push(`retention.${kind}: must be a whole number of days; 0 = for ever`);
    } else days[kind] = wanted;
  }
  return days;
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(RETENTION_DAYS, kind);
}
