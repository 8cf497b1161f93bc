import {
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
  pino,
  stdTimeFunctions,
} from "pino";
import { describeError } from "./describe-error.ts";
import { createRedactor, SECRET_FIELD } from "./redact.ts";

export type { Logger } from "pino";

const MAX_DEPTH = 5;
const MAX_ENTRIES = 50;
const MAX_STRING = 4000;
/** Fields that would hold what a person or a model wrote: of these only the size is logged, at every level. */
const CONTENT_FIELD = /^(text|content|prompt|body|payload|caption|markdown|parts|messages|args|arguments|parameters)$/i;

export interface LogOptions {
  level: string;
  /** Values that must never be seen, besides everything that looks like a secret. */
  secrets: ReadonlySet<string> | readonly string[];
  /** Stdout when absent. */
  destination?: DestinationStream;
}

/**
 * The process's log: one JSON object a line, written at once. It is the `Log` of the ports, and a child of it carries
 * `session_id`, `run_id` and `agent`. Two layers keep secrets and texts out: fields are copied by rules (errors by
 * `describeError`), then the finished line is searched, whoever wrote it.
 */
export function createLog(options: LogOptions): Logger {
  const redact = createRedactor(options.secrets);
  const log = pino(
    {
      level: options.level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (fields) => copyFields(fields) },
      // Errors are described already; pino would do it once more, in its way.
      serializers: { err: (described: unknown) => described, req: describeRequest, res: describeResponse },
      hooks: { streamWrite: (line) => redactLine(line, redact) },
    },
    options.destination,
  );
  // pino's own hook for bindings is not handed on to children; a method is, since children inherit it.
  type MakeChild = (this: Logger, bindings: Bindings, rest?: ChildLoggerOptions) => Logger;
  const makeChild = Reflect.get(log, "child") as unknown as MakeChild;
  const makeCopyingChild: MakeChild = function (bindings, rest) {
    return makeChild.call(this, copyFields(bindings), rest);
  };
  Reflect.set(log, "child", makeCopyingChild);
  return log;
}

function redactLine(line: string, redact: (line: string) => string): string {
  const redacted = redact(line);
  if (redacted === line || isJson(redacted)) return redacted;
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: "error", time, msg: "A log line was withheld: it held a secret outside of a string." })}\n`;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function copyFields(fields: Record<string, unknown>): Record<string, unknown> {
  const copied: Record<string, unknown> = {};
  try {
    for (const [name, value] of Object.entries(fields)) {
      // Requests and replies have their serializers, which need the whole object.
      copied[name] = name === "req" || name === "res" ? value : copyField(name, value, 0);
    }
  } catch (error) {
    // A getter or proxy threw; the caller, who only wanted to say something, must not fail by it.
    copied["log_fault"] = describeError(error);
  }
  return copied;
}

function copyField(name: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value;
  if (SECRET_FIELD.test(name)) return "[redacted]";
  if (CONTENT_FIELD.test(name) && (typeof value === "string" || typeof value === "object")) return sizeOf(value);
  return copy(value, depth);
}

/** Plain data within bounds; of everything else its name, since instances may hold clients, sockets and their keys. */
function copy(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.length > MAX_STRING ? `${value.slice(0, MAX_STRING)}…` : value;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  const isPlain =
    Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
  if (!isPlain || depth >= MAX_DEPTH) return `[${value.constructor?.name ?? "Object"}]`;
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((entry) => copy(entry, depth + 1));
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(entries.map(([name, field]) => [name, copyField(name, field, depth + 1)]));
}

function sizeOf(value: string | object): string {
  if (typeof value === "string") return `[${value.length} characters]`;
  return Array.isArray(value) ? `[${value.length} entries]` : "[object]";
}

/** Without headers and query: both may hold keys. */
function describeRequest(request: { method?: string; url?: string; ip?: string }): object {
  return { method: request.method, path: request.url?.split("?")[0], remote: request.ip };
}

function describeResponse(reply: { statusCode?: number }): object {
  return { status: reply.statusCode };
}
