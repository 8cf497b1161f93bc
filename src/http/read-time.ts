import { Type } from "typebox";
import { GatewayError } from "../errors.ts";

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const AGO = /^(\d{1,4})([mhdw])$/;
/** A date, or a date and time with its zone: https://www.rfc-editor.org/rfc/rfc3339 */
const ISO = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?$/;

/** As `readTime` takes it. */
export const When = Type.String({ minLength: 1, maxLength: 40, description: "ISO 8601, or how long ago: 7d" });

/** Of a list: those alone. */
export const Ids = Type.String({
  maxLength: 8_000,
  pattern: "^[a-z0-9_]+(,[a-z0-9_]+)*$",
  description: "a,b: no others",
});

/** A time of a query: ISO 8601, in UTC unless it says so, or how long ago, like `7d`. Throws `invalid`. */
export function readTime(field: string, text: string): Date {
  const [, count, unit] = AGO.exec(text) ?? [];
  if (count !== undefined) return new Date(Date.now() - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]);
  const zoned = /\d\d:\d\d/.test(text) && !/(?:[Zz]|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text;
  const at = ISO.test(text) ? new Date(zoned) : new Date(Number.NaN);
  if (!isTime(at)) {
    throw new GatewayError("invalid", `${field} must be a time in ISO 8601, or how long ago: 30m, 12h, 7d, 2w.`);
  }
  return at;
}

/** Postgres knows no year 0, and those before are written in another way. */
function isTime(at: Date): boolean {
  return at.getUTCFullYear() > 0;
}

/** Where a page of a list that goes by time ended. */
export interface TimeCursor {
  at: Date;
  id: string;
}

export function writeTimeCursor({ at, id }: TimeCursor): string {
  return Buffer.from(`${at.toISOString()} ${id}`).toString("base64url");
}

/** A page of what was found, one more than the limit if there is more, and the cursor that leads on; null = that is all. */
export function cutPage<T>(
  found: readonly T[],
  limit: number,
  at: (row: T) => TimeCursor,
): { page: T[]; next: string | null } {
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return { page, next: last && found.length > limit ? writeTimeCursor(at(last)) : null };
}

/** Throws `invalid`. */
export function readTimeCursor(text: string): TimeCursor {
  const [iso = "", id = ""] = Buffer.from(text, "base64url").toString().split(" ");
  const at = ISO.test(iso) ? new Date(iso) : new Date(Number.NaN);
  if (!isTime(at) || !/^[\w-]{1,128}$/.test(id)) {
    throw new GatewayError("invalid", "cursor is no cursor of this list.");
  }
  return { at, id };
}
