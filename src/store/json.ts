/**
 * jsonb refuses U+0000 and lone surrogates, and one of them would make a merge fail for ever: both become U+FFFD.
 * JSON text is what jsonb columns and `jsonb_to_recordset` take.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "string" ? cleanText(inner) : inner));
}

/** The text as Postgres can hold it. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
