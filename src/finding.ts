/** What a look at the surroundings found, in one sentence for the operator. Never holds a secret. */
export interface Finding {
  /** What was looked at: `telegram`, `slack`, `model`, … */
  about: string;
  /** `fault`: it will not work so; `warning`: it works, but not as one may expect. */
  verdict: "ok" | "warning" | "fault";
  says: string;
  /** What to do; "" = nothing. */
  remedy: string;
}

export function ok(about: string, says: string): Finding {
  return { about, verdict: "ok", says, remedy: "" };
}

export function warning(about: string, says: string, remedy: string): Finding {
  return { about, verdict: "warning", says, remedy };
}

export function fault(about: string, says: string, remedy: string): Finding {
  return { about, verdict: "fault", says, remedy };
}
