import { Type, type TSchema } from "typebox";
import { describe, expect, it } from "vitest";
import { toProblem } from "../../src/http/problem.ts";
import { validateRequest } from "../../src/http/validate-request.ts";

const oneOf = (...values: (string | number)[]) => Type.Union(values.map((value) => Type.Literal(value)));
const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);

function detailOf(schema: TSchema, value: unknown): string {
  const check = validateRequest({ schema: Type.Object({ it: schema }), method: "POST", url: "/", httpPart: "body" });
  const { error: validation } = check({ it: value }) as { error: unknown };
  return toProblem({ statusCode: 400, validation }, "req").detail;
}

describe("of several plain values, what is wanted is said once", () => {
  it.each<[string, TSchema, unknown, string]>([
    ["numbers", oneOf(1, -1), 2, "it must be 1 or -1"],
    ["words", oneOf("owner", "operator", "viewer"), "boss", "it must be owner, operator or viewer"],
    ["a type or nothing", nullable(Type.Boolean()), "yes", "it must be boolean or null"],
    ["a value or nothing", nullable(Type.Literal(1)), 2, "it must be 1 or null"],
    ["a list", Type.Array(oneOf("a", "b")), ["c", "a", "d"], "it.0 must be a or b; it.2 must be a or b"],
    [
      "more than are reported",
      Type.Array(oneOf(1, 2, 3, 4, 5, 6, 7, 8, 9)),
      [0],
      "it.0 must be 1, 2, 3, 4, 5, 6, 7, 8 or 9",
    ],
  ])("%s", (_name, schema, value, detail) => {
    expect(detailOf(schema, value)).toBe(detail);
  });

  it("and of several objects what is wrong with them", () => {
    const [text, image] = [Type.Object({ text: Type.String() }), Type.Object({ image: Type.String() })];
    expect(detailOf(Type.Union([text, image]), { text: 5 })).toContain("it.text must be string");
  });
});
