import { badRequest } from "./refusal.ts";

/** The parameters of one call. The Bot API takes numbers and objects also as strings (forms), so readers do too. */
export type Payload = Readonly<Record<string, unknown>>;

/** The parameter as text; "" when absent, as the server treats both alike. */
export function textOf(payload: Payload, field: string): string {
  const value = payload[field];
  if (typeof value === "string") {
    return value;
  }
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** The parameter as a whole number; 0 when absent or unreadable, as the server's lenient parser has it. */
export function wholeNumberOf(payload: Payload, field: string): number {
  const value = payload[field];
  const number = typeof value === "string" ? Number.parseInt(value, 10) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : 0;
}

/** A whole number forced into its range; `fallback` when absent. */
export function clampedNumberOf(payload: Payload, field: string, fallback: number, min: number, max: number): number {
  const value = textOf(payload, field) === "" ? fallback : wholeNumberOf(payload, field);
  return Math.min(max, Math.max(min, value));
}

export function flagOf(payload: Payload, field: string): boolean {
  const text = textOf(payload, field).toLowerCase();
  return text === "true" || text === "yes" || text === "1";
}

/**
 * An object or array parameter, given as JSON value or as JSON text (forms).
 * @returns undefined when absent. Refuses text that is no JSON with "can't parse `what` JSON object".
 */
export function jsonOf(payload: Payload, field: string, what: string): unknown {
  const value = payload[field];
  if (value === undefined || value === null || value === "") {
    return undefined;
  }
  if (typeof value !== "string") {
    return value;
  }
  try {
    return JSON.parse(value) as unknown;
  } catch {
    throw badRequest(`can't parse ${what} JSON object`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
