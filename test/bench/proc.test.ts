import { expect, it } from "vitest";
import { parseBusyMs, parseStat, parseStatusKb } from "../../bench/proc.ts";

it("reads CPU times and the parent behind a name that holds spaces and brackets", () => {
  const line = "4711 (a (b) c) S 42 4711 1 0 -1 4194560 9 0 0 0 150 25 30 5 20 0 11 0 123456 1 2 3";
  expect(parseStat(line)).toEqual({ name: "a (b) c", parent: 42, ownMs: 1750, childrenMs: 350 });
});

it("reads the sizes of a process", () => {
  const text = "Name:\tnode\nVmHWM:\t  188416 kB\nVmRSS:\t  102400 kB\n";
  expect(parseStatusKb(text, "VmRSS")).toBe(102_400);
  expect(parseStatusKb(text, "VmHWM")).toBe(188_416);
  expect(parseStatusKb("Name:\tzombie\n", "VmRSS")).toBeNaN();
});

it("counts every kind of work of the machine, but neither idling nor waiting for a disk", () => {
  expect(parseBusyMs("cpu  100 10 50 9999 777 3 4 5 60 7\ncpu0 1 2 3\n")).toBe(1720);
});
