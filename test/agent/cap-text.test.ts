import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { capText, TOOL_TEXT_LIMIT } from "../../src/agent/cap-text.ts";

const bytes = (text: string) => Buffer.byteLength(text);

describe("text for the model", () => {
  test("passes as it is while it is short", () => {
    expect(capText("Ärger 🙂")).toBe("Ärger 🙂");
    expect(capText("x".repeat(TOOL_TEXT_LIMIT))).toHaveLength(TOOL_TEXT_LIMIT);
  });

  test("loses its middle when it is too long, and says how much", () => {
    const capped = capText(`begin${"x".repeat(100_000)}end`);
    expect(bytes(capped)).toBeLessThanOrEqual(TOOL_TEXT_LIMIT);
    expect(capped).toMatch(/^beginx+\n\[… \d+ characters cut out …\]\nx+end$/);
  });

  test("has no NUL and no half of a character", () => {
    expect(capText("a\0b\ud800c")).toBe("ab\ufffdc");
  });

  test("of any kind stays within the limit, well formed, and is not cut a second time", () => {
    const text = fc.string({ unit: "binary", minLength: 20, maxLength: 200 });
    fc.assert(
      fc.property(text, fc.integer({ min: 100, max: 300 }), (any, limit) => {
        const capped = capText(any, limit);
        expect(bytes(capped)).toBeLessThanOrEqual(limit);
        expect(capped.isWellFormed()).toBe(true);
        expect(capped).not.toContain("\0");
        expect(capText(capped, limit)).toBe(capped);
        const [head = "", tail = ""] = capped.split(/\n\[… \d+ characters cut out …\]\n/);
        const clean = any.replaceAll("\0", "");
        expect(clean.startsWith(head) && clean.endsWith(tail)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
