import { expect, test } from "vitest";
import { linesOf, namedPlaces, ticksUpTo } from "../../web/admin/parts/scale.ts";

test("an axis has a few round steps and reaches its highest value", () => {
  expect(ticksUpTo(69)).toEqual([0, 20, 40, 60, 80]);
  expect(ticksUpTo(0.104)).toEqual([0, 0.05, 0.1, 0.15]);
  expect(ticksUpTo(4)).toEqual([0, 1, 2, 3, 4]);
  expect(ticksUpTo(0)).toEqual([0, 1]);
  expect([ticksUpTo(2, true), ticksUpTo(9, true)]).toEqual([
    [0, 1, 2],
    [0, 5, 10],
  ]);
  for (const max of [1e-4, 0.3, 7, 1_234, 9.9e8]) {
    const ticks = ticksUpTo(max);
    expect(ticks.at(-1), String(max)).toBeGreaterThanOrEqual(max);
    expect(ticks.length, String(max)).toBeLessThanOrEqual(6);
  }
});

test("of many places so many are named as there is room for, the last among them", () => {
  expect(namedPlaces(25, 3)).toEqual([6, 15, 24]);
  expect(namedPlaces(3, 10)).toEqual([0, 1, 2]);
  expect(namedPlaces(5, 0)).toEqual([4]);
});

test("where nothing is known a line has a gap", () => {
  expect(linesOf([null, 1, 2, null, 3, null])).toEqual([
    { from: 1, values: [1, 2] },
    { from: 4, values: [3] },
  ]);
  expect(linesOf([])).toEqual([]);
});
