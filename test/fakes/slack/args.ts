import { Refusal } from "./refusal.ts";

/** The arguments of one call. Forms bring everything as text, objects as JSON text; so readers take both. */
export type Args = Readonly<Record<string, unknown>>;

/** The argument as text; "" when absent. */
export function textOf(args: Args, name: string): string {
  const value = args[name];
  if (typeof value === "string") {
    return value;
  }
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** Refuses an absent or empty one, with Slack's general word for it. */
export function requiredText(args: Args, name: string, error = "invalid_arguments"): string {
  const text = textOf(args, name);
  if (text === "") {
    throw new Refusal(error, { response_metadata: { messages: [`[ERROR] missing required field: ${name}`] } });
  }
  return text;
}

export function isGiven(args: Args, name: string): boolean {
  return args[name] !== undefined && args[name] !== null && args[name] !== "";
}

/** undefined when absent. */
export function flagOf(args: Args, name: string): boolean | undefined {
  return isGiven(args, name) ? ["true", "1"].includes(textOf(args, name).toLowerCase()) : undefined;
}

/** Absent or unreadable = fallback; forced into 1..max. */
export function countOf(args: Args, name: string, fallback: number, max: number): number {
  const number = Number.parseInt(textOf(args, name), 10);
  return Number.isNaN(number) ? fallback : Math.min(max, Math.max(1, number));
}

/** An object or array, given as such or as JSON text. Refuses text that is no JSON with `error`. */
export function jsonOf(args: Args, name: string, error: string): unknown {
  const value = args[name];
  if (!isGiven(args, name)) {
    return undefined;
  }
  if (typeof value !== "string") {
    return value;
  }
  try {
    return JSON.parse(value) as unknown;
  } catch {
    throw new Refusal(error);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
