import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { median, mostAtOnce, percentile } from "../../bench/statistics.ts";

const numbers = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 200 });

describe("a percentile", () => {
  it.each([
    [[5], 99, 5],
    [[1, 2, 3, 4], 50, 2],
    [[4, 3, 2, 1], 100, 4],
    [[1, 2, 3, 4], 0, 1],
    [Array.from({ length: 100 }, (_, index) => index + 1), 99, 99],
    [Array.from({ length: 50 }, (_, index) => index + 1), 99, 50],
  ])("of %j at %i is %i", (values, p, expected) => {
    expect(percentile(values, p)).toBe(expected);
  });

  it("is one of the values, and not exceeded by that share of them", () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 100 }), (values, p) => {
        const found = percentile(values, p);
        const within = values.filter((value) => value <= found).length;
        expect(values).toContain(found);
        expect(within / values.length).toBeGreaterThanOrEqual(p / 100 - 1e-12);
      }),
    );
  });

  it("of nothing is no number", () => {
    expect(percentile([], 50)).toBeNaN();
    expect(median([])).toBeNaN();
  });
});

describe("a median", () => {
  it("is the middle value, or the mean of the middle two", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it("has as many values below it as above", () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe("spans", () => {
  it.each([
    [[], 0],
    [[[1, 2]], 1],
    [
      [
        [1, 3],
        [2, 4],
        [5, 6],
      ],
      2,
    ],
    [
      [
        [1, 2],
        [2, 3],
      ],
      2,
    ],
    [
      [
        [1, null],
        [null, 2],
        [1, 2],
      ],
      1,
    ],
  ] as [[number | null, number | null][], number][])("%j overlap %i times at most", (spans, most) => {
    expect(mostAtOnce(spans)).toBe(most);
  });
});
