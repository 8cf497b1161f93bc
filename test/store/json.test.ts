import * as fc from "fast-check";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { cleanText, toJson } from "../../src/store/json.ts";
import { storeEngines } from "../support/store-engines.ts";

/** Any UTF-16, with what jsonb refuses more often than chance would give. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("\0", "\ud800", "\udfff", "\ud83d\ude00", "\\", "u0000", "ud800", '"', "\n", "a"))
    .map((parts) => parts.join("")),
);
/** V8 13.6's JSON.parse takes the key "\n" for "\\" where it has met that one before: no key has a backslash here. */
const keyText = text.map((any) => any.replaceAll("\\", "/"));
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.dictionary(keyText, tie("node"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).node;

/** What jsonb should give back, by another way than the code's. */
function cleaned(node: unknown): unknown {
  if (typeof node === "string") return cleanText(node);
  if (Array.isArray(node)) return node.map(cleaned);
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(Object.entries(node).map(([key, inner]) => [cleanText(key), cleaned(inner)]));
}

storeEngines((store) => {
  test("jsonb takes whatever there is and gives it back, with U+FFFD for NUL and lone surrogates", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 5 }), async (input) => {
        const { rows } = await sql<{ back: unknown }>`select ${toJson(input)}::jsonb as back`.execute(store.db);
        expect(rows[0]!.back).toEqual(cleaned(input));
      }),
      { numRuns: 200 },
    );
  });

  test("text parameters take cleaned text as it is", async () => {
    await fc.assert(
      fc.asyncProperty(text, async (input) => {
        const { rows } = await sql<{ back: string }>`select ${cleanText(input)}::text as back`.execute(store.db);
        expect(rows[0]!.back).toBe(cleanText(input));
        expect(cleanText(input)).toHaveLength(input.length);
      }),
      { numRuns: 100 },
    );
  });
});
