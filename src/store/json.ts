/**
 * jsonb refuses U+0000 and lone surrogates, and one of them would make a merge fail for ever: both become U+FFFD.
 * JSON text is what jsonb columns and `jsonb_to_recordset` take.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(ESCAPES, (found, escape: string) => (escape === "\\" ? found : "\uFFFD"));
}

/**
 * What JSON.stringify (ECMA-262, QuoteJSONString) makes of NUL and lone surrogates, in keys as in values. An escaped
 * backslash is matched too, so that the text after it is not taken for an escape.
 */
const ESCAPES = /\\(\\|u0000|ud[89a-f][0-9a-f]{2})/g;

/** Whether a statement was refused for a text with NUL; whatever else a text holds has a place in UTF-8. */
export function isForNul(error: unknown): boolean {
  // character_not_in_repertoire: https://www.postgresql.org/docs/current/errcodes-appendix.html
  return error instanceof Error && "code" in error && error.code === "22021";
}

/** The text as Postgres can hold it. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
