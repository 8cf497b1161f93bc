import type { FastifySchemaCompiler, FastifySchemaValidationError } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/schema";

/** No object here has that many; to list what is wrong with far more of them would take seconds. */
const MAX_FIELDS = 100;
/** Far beyond what anybody writes, and far from what ends the stack of whoever writes it out again, here or in Postgres. */
const MAX_DEPTH = 100;

/**
 * Checks requests against their schemas, each of which is compiled when its first request comes: all of them would
 * cost every start a tenth of a second. Nothing is converted, filled in or removed, with one exception: what is a
 * number in a query arrives as text.
 */
export const validateRequest: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  let validator: ReturnType<typeof Compile> | null = null;
  const integers = httpPart === "querystring" ? integersOf(schema) : [];
  return (given: unknown) => {
    if (typeof given === "object" && Object.keys(given ?? {}).length > MAX_FIELDS)
      return { error: asError([TOO_MANY]) };
    if (httpPart === "body" && isDeeper(given, MAX_DEPTH)) return { error: asError([TOO_DEEP]) };
    const value = integers.length === 0 ? given : withNumbers(given, integers);
    validator ??= Compile(schema);
    return validator.Check(value) ? { value } : { error: asError(foldChoices(schema, validator.Errors(value)[1])) };
  };
};

const whole = { instancePath: "", schemaPath: "#", params: {} };
const TOO_MANY = { ...whole, keyword: "maxProperties", message: "is too large" };
const TOO_DEEP = { ...whole, keyword: "maxDepth", message: "is nested too deeply" };

function isDeeper(value: unknown, levels: number): boolean {
  let level = nested(value);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === levels) return true;
    level = level.flatMap((each) => Object.values(each).flatMap(nested));
  }
  return false;
}

function nested(value: unknown): object[] {
  return typeof value === "object" && value !== null ? [value] : [];
}

/** Fastify takes a list as well and puts it into `validation`; its type knows errors only. */
function asError(faults: readonly object[]): Error {
  return faults as FastifySchemaValidationError[] as unknown as Error;
}

type Fault = Pick<FastifySchemaValidationError, "keyword" | "schemaPath" | "instancePath">;

/** Where one of several plain values is wanted: one fault that names them, not one for each. */
function foldChoices(schema: TSchema, faults: readonly Fault[]): Fault[] {
  const told = new Set<string>();
  return faults.flatMap((fault) => {
    const [, union = fault.keyword === "anyOf" ? fault.schemaPath : null] = CHOICE.exec(fault.schemaPath) ?? [];
    const choices = union === null ? null : choicesAt(schema, union);
    if (choices === null) return [fault];
    const key = `${union} ${fault.instancePath}`;
    if (told.has(key)) return [];
    told.add(key);
    return [{ ...fault, keyword: "anyOf", message: `must be ${choices.join(", ").replace(/, ([^,]*)$/, " or $1")}` }];
  });
}

const CHOICE = /^(.*)\/anyOf\/\d+$/;
const PLAIN: ReadonlySet<string> = new Set(["string", "number", "integer", "boolean", "null"]);

/** Null: there is no union of plain values. */
function choicesAt(schema: TSchema, path: string): string[] | null {
  let at: unknown = schema;
  for (const step of path.split("/").slice(1)) at = (at as Record<string, unknown> | undefined)?.[step];
  const { anyOf = [] } = (at ?? {}) as { anyOf?: { const?: string | number | boolean; type?: string }[] };
  const choices = anyOf.map(({ const: value, type = "" }) => (value === undefined ? type : String(value)));
  const arePlain = anyOf.every(({ const: value, type = "" }) => value !== undefined || PLAIN.has(type));
  return choices.length > 0 && arePlain ? choices : null;
}

function integersOf(schema: TSchema): string[] {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> };
  return Object.keys(properties).filter((name) => properties[name]?.type === "integer");
}

function withNumbers(query: unknown, names: string[]): unknown {
  const converted: Record<string, unknown> = { ...(query as Record<string, unknown>) };
  for (const name of names) {
    const text = converted[name];
    if (typeof text === "string" && /^\d{1,9}$/.test(text)) converted[name] = Number(text);
  }
  return converted;
}
