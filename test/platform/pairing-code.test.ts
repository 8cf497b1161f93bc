import * as fc from "fast-check";
import { expect, it } from "vitest";
import { newPairingCode, normalisePairingCode } from "../../src/platform/pairing-code.ts";

it("makes codes of eight characters that nobody confuses, each another", () => {
  const codes = Array.from({ length: 2000 }, newPairingCode);
  for (const code of codes) expect(code).toMatch(/^[2-9A-HJKMNP-TW-Z]{8}$/);
  expect(new Set(codes).size).toBe(codes.length);
  // Every character is used, and none much more often than the others.
  const counts = Map.groupBy(codes.join(""), (character) => character);
  expect(counts.size).toBe(29);
  for (const { length } of counts.values()) expect(length).toBeLessThan((codes.length * 8 * 1.5) / 29);
});

it("reads a code however it was typed", () => {
  const code = newPairingCode();
  const halves = [code.slice(0, 4), code.slice(4)];
  for (const typed of [code, code.toLowerCase(), ` ${code}\n`, halves.join("-"), halves.join(" – "), `\`${code}\``]) {
    expect(normalisePairingCode(typed), typed).toBe(code);
  }
});

it.each(["", "2345678", "234567890", "2345678O", "2345678 1", "ABCDEFGI", "ＡＢＣＤＥＦＧＨ", " ".repeat(10_000)])(
  "takes %j for no code",
  (typed) => {
    expect(normalisePairingCode(typed)).toBe("");
  },
);

it("gives a code or nothing for anything, and the same again for its own answer", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (typed) => {
      const code = normalisePairingCode(typed);
      expect(code).toMatch(/^([2-9A-Z]{8})?$/);
      expect(normalisePairingCode(code)).toBe(code);
    }),
  );
});
