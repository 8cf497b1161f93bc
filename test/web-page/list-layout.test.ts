import { expect, test } from "vitest";
import { findFrom, heightsOf } from "../../web/kit/list-layout.ts";

test("rows are found by where they stand", () => {
  const tops = heightsOf([10, 20, 30], (height) => height);
  expect([...tops]).toEqual([0, 10, 30, 60]);
  expect([-5, 0, 9, 10, 29, 30, 59, 60, 1_000].map((y) => findFrom(tops, y))).toEqual([0, 0, 0, 1, 1, 2, 2, 2, 2]);
  expect(
    findFrom(
      heightsOf([], () => 0),
      5,
    ),
  ).toBe(0);
});
