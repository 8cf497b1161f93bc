/** Reading what Telegram sends as what it is: unknown JSON. Every function takes anything and throws nothing. */
export type Json = Readonly<Record<string, unknown>>;

/** Names and titles are at most 128 characters on Telegram; whatever is longer is not from there. */
const MAX_NAME = 256;

/** The object in `field`, or null. Only own fields count: `__proto__` in JSON is one, what is inherited is not. */
export function objectIn(source: Json, field: string): Json | null {
  return asObject(valueIn(source, field));
}

export function asObject(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

export function listIn(source: Json, field: string): readonly unknown[] {
  const value = valueIn(source, field);
  return Array.isArray(value) ? value : [];
}

/** A whole number that JavaScript holds exactly, or null. */
export function wholeIn(source: Json, field: string): number | null {
  const value = valueIn(source, field);
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

export function numberIn(source: Json, field: string): number | null {
  const value = valueIn(source, field);
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function isTrueIn(source: Json, field: string): boolean {
  return valueIn(source, field) === true;
}

export function has(source: Json, field: string): boolean {
  return valueIn(source, field) !== undefined;
}

/** A text as it came, or null: entities count in it. */
export function rawTextIn(source: Json, field: string): string | null {
  const value = valueIn(source, field);
  return typeof value === "string" ? value : null;
}

/** A name or a title: clean and short. */
export function nameIn(source: Json, field: string): string {
  return cleanText(rawTextIn(source, field) ?? "")
    .slice(0, MAX_NAME)
    .toWellFormed();
}

/** What a database takes: no NUL and no half of a surrogate pair. */
export function cleanText(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}

function valueIn(source: Json, field: string): unknown {
  return Object.hasOwn(source, field) ? source[field] : undefined;
}
