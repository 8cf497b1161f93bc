import { expect, test } from "vitest";
import { signInRuleFor } from "../../src/platform/sign-in-rules.ts";

const JANE = { subject: "4711", email: "Jane@Corp.test" };

test.each([
  ["an address, in whatever letters", ["@other.test", "jane@corp.test"], JANE, "jane@corp.test"],
  ["a domain", ["@corp.test"], JANE, "@corp.test"],
  ["a subject", ["sub:4711"], { ...JANE, email: null }, "sub:4711"],
  ["everybody", ["*"], { subject: "1", email: null }, "*"],
  ["nobody", [], JANE, null],
  ["a longer domain", ["@corp.test"], { ...JANE, email: "jane@evil-corp.test" }, null],
  ["a domain below", ["@corp.test"], { ...JANE, email: "jane@x.corp.test" }, null],
  ["a domain above", ["@x.corp.test"], JANE, null],
  ["what stands before another domain", ["@corp.test"], { ...JANE, email: "jane@corp.test@evil.test" }, null],
  ["an address without a name", ["@corp.test"], { ...JANE, email: "@corp.test" }, null],
  ["somebody without an address", ["@corp.test", "null"], { ...JANE, email: null }, null],
  ["the beginning of a subject", ["sub:471"], JANE, null],
  ["a subject in other letters", ["sub:abc"], { ...JANE, subject: "ABC" }, null],
  ["a subject that looks like an address", ["jane@corp.test"], { subject: "jane@corp.test", email: null }, null],
  ["a subject that looks like a rule", ["*", "@corp.test"].slice(1), { subject: "@corp.test", email: null }, null],
])("whom the settings let in: %s", (_what, rules, person, found) => {
  expect(signInRuleFor(rules, person)).toBe(found);
});
