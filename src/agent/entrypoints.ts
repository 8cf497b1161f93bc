/** A module of the cards' folder and what is exported from it. */
export interface Entrypoint {
  path: string;
  name: string;
}

const ENTRYPOINT = /^(?<path>\S.*\.(ts|mts|js|mjs)):(?<name>[A-Za-z_$][\w$]*)$/;
export const PYTHON = /^\S+\.py(:\S+)?$/;
/** Of fast-agent's function tools, besides the entry point. */
const WITHOUT_EFFECT = ["variant", "code_arg", "language"];

/** What is wrong with a text that is to name a function; null = nothing. */
export function entrypointFault(written: unknown): string | null {
  if (typeof written === "string" && ENTRYPOINT.test(written)) return null;
  if (typeof written === "string" && PYTHON.test(written)) {
    return `"${written}" is Python, which does not run here; write it in TypeScript (file.ts:export) or remove it`;
  }
  return "must name a module and its export, as file.ts:export";
}

/** Null = `entrypointFault` says what is wrong with it. */
export function readEntrypoint(written: unknown): Entrypoint | null {
  const groups = typeof written === "string" ? ENTRYPOINT.exec(written.trim())?.groups : undefined;
  return groups ? { path: groups["path"] ?? "", name: groups["name"] ?? "" } : null;
}

/** Reads a card's `function_tools`: one or a list of `file.ts:export`, or of mappings that hold it as `entrypoint`. */
export function readFunctionTools(value: unknown, notes: { faults: string[]; warnings: string[] }): Entrypoint[] {
  const found: Entrypoint[] = [];
  for (const each of [value ?? []].flat() as unknown[]) {
    const mapping = typeof each === "object" && each !== null ? Object.entries(each) : [["entrypoint", each] as const];
    let written: unknown;
    for (const [field, of] of mapping) {
      if (field === "entrypoint") written = of;
      else if (WITHOUT_EFFECT.includes(field)) notes.warnings.push(`function_tools: ${field}: has no effect here`);
      else notes.faults.push(`function_tools: ${field}: is not a field of a function; remove it`);
    }
    const fault = entrypointFault(written);
    const entrypoint = fault ? null : readEntrypoint(written);
    if (fault) notes.faults.push(`function_tools: ${fault}`);
    else if (entrypoint) found.push(entrypoint);
  }
  return found;
}
