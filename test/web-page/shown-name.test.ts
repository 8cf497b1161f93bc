import { expect, it } from "vitest";
import { shownName } from "../../web/kit/shown-name.ts";

it("a name has nothing that hides or turns its end", () => {
  expect(shownName("photo\u202Egpj.exe")).toBe("photogpj.exe");
  expect(shownName("\u2066a\u2069\u0000b\n\u200Bc\u0007.txt ")).toBe("abc.txt");
  expect(shownName("größe 计划 ملف 👩‍💻.txt")).toBe("größe 计划 ملف 👩‍💻.txt");
});
