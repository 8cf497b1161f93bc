import { parseDocument } from "yaml";

/** Aliases may repeat what stands in the file, not multiply it. */
const MAX_ALIASES = 20;

/**
 * One YAML mapping of untrusted shape, or what is wrong with it, one sentence per fault. Nothing but plain data comes
 * out: no custom or binary tags, no merge keys, no keys that are not strings, no second document.
 */
export function readYamlMapping(text: string): { entries: [string, unknown][] } | { faults: string[] } {
  const document = parseDocument(text, {
    schema: "core",
    customTags: [],
    resolveKnownTags: false,
    merge: false,
    stringKeys: true,
    uniqueKeys: true,
  });
  const faults = [...document.errors, ...document.warnings].map(({ message }) => firstLine(message));
  if (faults.length > 0) return { faults };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return { faults: [error instanceof Error ? firstLine(error.message) : String(error)] };
  }
  if (value === null) return { entries: [] };
  if (typeof value !== "object" || Array.isArray(value)) return { faults: ["must be a mapping of fields to values"] };
  return { entries: Object.entries(value) };
}

/** The library shows an excerpt of the file below its sentence; the sentence holds line and column already. */
function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/:$/, "");
}
