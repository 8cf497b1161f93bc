const MAX_DEPTH = 6;
const MAX_ERRORS = 10;
const MAX_FRAMES = 20;
const MAX_MESSAGE = 1000;

/**
 * The fields of errors that are logged. The list is closed because others hold what must not be: a message's text in
 * grammY's `payload`, rows in Postgres's `detail` and `where`, headers and bodies in openai's errors.
 */
const FIELDS = [
  "code",
  "status",
  "statusCode",
  "error_code",
  "method",
  "requestID",
  "syscall",
  "severity",
  "table",
  "constraint",
  "retryAfterMs",
  "delivered",
];

export interface ErrorDescription {
  type: string;
  message: string;
  /** Frames only: the first lines would repeat the message. */
  stack?: string;
  cause?: ErrorDescription;
  errors?: ErrorDescription[];
  [field: string]: unknown;
}

/** What the log says of something thrown: bounded, and without unknown fields. Reads hostile objects without throwing. */
export function describeError(thrown: unknown): ErrorDescription {
  return describe(thrown, new Set(), 0);
}

function describe(thrown: unknown, seen: Set<unknown>, depth: number): ErrorDescription {
  if (typeof thrown !== "object" || thrown === null) return { type: typeof thrown, message: shorten(String(thrown)) };
  seen.add(thrown);
  const description: ErrorDescription = {
    type: text(thrown, "name") ?? "Error",
    message: shorten(text(thrown, "message") ?? ""),
  };
  for (const field of FIELDS) {
    const value = read(thrown, field);
    if (typeof value === "string") description[field] = value.slice(0, 200);
    else if (typeof value === "number" || typeof value === "boolean") description[field] = value;
  }
  const frames = (text(thrown, "stack") ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  if (frames.length > 0) description.stack = frames.slice(0, MAX_FRAMES).join("\n");
  if (depth >= MAX_DEPTH) return description;

  const inner = (value: unknown): ErrorDescription | null =>
    value === undefined || value === null || seen.has(value) ? null : describe(value, seen, depth + 1);
  // grammY's HttpError and the SuppressedError of `using` call the error they wrap `error`; openai puts a body there.
  const error = read(thrown, "error");
  const cause = inner(read(thrown, "cause")) ?? (error instanceof Error ? inner(error) : null);
  if (cause !== null) description.cause = cause;
  const errors = read(thrown, "errors") ?? read(thrown, "suppressed");
  const several = (Array.isArray(errors) ? errors : [errors]).slice(0, MAX_ERRORS).map(inner);
  const described = several.filter((one) => one !== null);
  if (described.length > 0) description.errors = described;
  return description;
}

function text(thrown: object, field: string): string | undefined {
  const value = read(thrown, field);
  return typeof value === "string" ? value : undefined;
}

/** Getters and proxies may throw; what cannot be read is not there. */
function read(thrown: object, field: string): unknown {
  try {
    return (thrown as Record<string, unknown>)[field];
  } catch {
    return undefined;
  }
}

function shorten(message: string): string {
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
}
