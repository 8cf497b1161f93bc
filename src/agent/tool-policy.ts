/** What may be done with a tool: called, called when a person has approved the call, or not even offered. */
export const TOOL_POLICIES = ["auto", "ask", "deny"] as const;
export type ToolPolicy = (typeof TOOL_POLICIES)[number];

/** By globs of tools' names, in which `*` stands for any characters. */
export type ToolPolicies = Readonly<Record<string, ToolPolicy>>;

/** Within one level the most exact glob counts, of several levels the strictest; what nobody names is `auto`. */
export function policyOf(levels: readonly ToolPolicies[], tool: string): ToolPolicy {
  const found = levels.map((level) => {
    const [best] = Object.keys(level)
      .filter((glob) => fitsGlob(glob, tool))
      .toSorted((a, b) => exactness(b) - exactness(a));
    return best === undefined ? "auto" : level[best]!;
  });
  return TOOL_POLICIES.findLast((policy) => found.includes(policy)) ?? "auto";
}

export function fitsGlob(glob: string, tool: string): boolean {
  const source = glob.replaceAll(/[\\^$.*+?()[\]{}|/]/g, (sign) => (sign === "*" ? ".*" : `\\${sign}`));
  return new RegExp(`^${source}$`, "su").test(tool);
}

/** The characters that it names; a name itself is more exact than any glob. */
function exactness(glob: string): number {
  return glob.includes("*") ? glob.replaceAll("*", "").length : Number.POSITIVE_INFINITY;
}
