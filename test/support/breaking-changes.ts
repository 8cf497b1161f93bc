type Json = Record<string, any>;

/**
 * What of a description of an API (OpenAPI 3.1) a client of the older one would miss in the newer one: calls, fields of
 * answers, what may be sent, and what must be. One line each; none = every old client goes on.
 */
export function breakingChanges(older: Json, newer: Json): string[] {
  const found: string[] = [];
  for (const [path, methods] of Object.entries<Json>(older["paths"])) {
    for (const [method, operation] of Object.entries<Json>(methods)) {
      const at = `${method.toUpperCase()} ${path}`;
      const now = newer["paths"][path]?.[method] as Json | undefined;
      if (now) compareOperation(operation, now, at, found);
      else found.push(`${at} is gone`);
    }
  }
  return found;
}

function compareOperation(older: Json, newer: Json, at: string, found: string[]): void {
  const parametersOf = ({ parameters = [] }: Json) =>
    new Map<string, Json>(parameters.map((each: Json) => [`${each["in"]} ${each["name"]}`, each]));
  const [before, now] = [parametersOf(older), parametersOf(newer)];
  for (const [name, { schema }] of before) {
    const same = now.get(name);
    if (same) compareSchema(schema, same["schema"], "sent", `${at} ${name}`, found);
    else found.push(`${at} ${name} is gone`);
  }
  for (const [name, { required }] of now) {
    if (required && !before.get(name)?.["required"]) found.push(`${at} ${name} is required now`);
  }
  const bodyOf = (operation: Json) =>
    operation["requestBody"]?.content?.["application/json"]?.schema as Json | undefined;
  compareSchema(bodyOf(older), bodyOf(newer) ?? {}, "sent", `${at} body`, found);
  if (!bodyOf(older)) compareSchema({}, bodyOf(newer) ?? {}, "sent", `${at} body`, found);
  for (const [status, { content }] of Object.entries<Json>(older["responses"])) {
    const answer = newer["responses"][status] as Json | undefined;
    if (!answer) found.push(`${at} ${status} is gone`);
    for (const [type, { schema }] of Object.entries<Json>(content ?? {})) {
      const same = answer?.["content"]?.[type] as Json | undefined;
      if (same) compareSchema(schema, same["schema"], "answered", `${at} ${status}`, found);
      else if (answer) found.push(`${at} ${status} is no ${type} any more`);
    }
  }
}

function compareSchema(
  older: Json | undefined,
  newer: Json,
  way: "sent" | "answered",
  at: string,
  found: string[],
): void {
  if (!older) return;
  const [was, is] = [typesOf(older), typesOf(newer)];
  if (!(way === "sent" ? covers(is, was) : covers(was, is))) {
    found.push(`${at} is ${named(is)} instead of ${named(was)}`);
    return;
  }
  [older, newer] = [withoutNull(older), withoutNull(newer)];
  if (way === "sent") {
    const [values, valuesNow] = [valuesOf(older), valuesOf(newer)];
    const lost = values?.filter((value) => valuesNow && !valuesNow.includes(value)) ?? [];
    found.push(...lost.map((value) => `${at} may not be ${value} any more`));
    if (!values && valuesNow) found.push(`${at} may only be ${valuesNow.join(" or ")} now`);
  }
  for (const [name, field] of Object.entries<Json>(older["properties"] ?? {})) {
    const same = newer["properties"]?.[name] as Json | undefined;
    if (same) compareSchema(field, same, way, `${at}.${name}`, found);
    else found.push(`${at}.${name} is gone`);
  }
  const [before, now] = [older, newer].map(({ required = [] }) => required as string[]);
  if (way === "sent") {
    found.push(...now!.filter((name) => !before!.includes(name)).map((name) => `${at}.${name} is required now`));
  } else {
    const optional = before!.filter((name) => newer["properties"]?.[name] && !now!.includes(name));
    found.push(...optional.map((name) => `${at}.${name} may be missing now`));
  }
  if (older["items"] && newer["items"]) compareSchema(older["items"], newer["items"], way, `${at}[]`, found);
}

/** What a value may be; null = anything. */
function typesOf(schema: Json): string[] | null {
  const choices = choicesOf(schema).map(({ type, const: value }) => (value === undefined ? type : typeof value));
  return choices.includes(undefined) ? null : [...new Set(choices.flat() as string[])];
}

function covers(wide: string[] | null, narrow: string[] | null): boolean {
  if (!wide || !narrow) return wide === null;
  return narrow.every((type) => wide.includes(type) || (type === "integer" && wide.includes("number")));
}

const named = (types: string[] | null) => types?.join(" or ") ?? "anything";

const choicesOf = (schema: Json): Json[] => (schema["anyOf"] as Json[] | undefined) ?? [schema];

/** What it is if it is not null, where that is one thing or a list of values. */
function withoutNull(schema: Json): Json {
  const choices = choicesOf(schema).filter(({ type }) => type !== "null");
  return choices.length === 1 ? choices[0]! : { ...schema, anyOf: choices };
}

/** The only values that fit; null = it is no list of values. */
function valuesOf(schema: Json): string[] | null {
  const lists = choicesOf(schema).map((each) => (each["const"] === undefined ? each["enum"] : [each["const"]]));
  return lists.every((list) => Array.isArray(list)) ? lists.flat().map(String) : null;
}
