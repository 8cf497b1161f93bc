const WANTED = 4;

/** Steps of an axis at round numbers, from 0 to at least `max`; a few of them. `whole`: of what comes in pieces. */
export function ticksUpTo(max: number, whole = false): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / WANTED;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough && !(whole && each % 1 !== 0)) ??
    power * 10;
  const count = Math.ceil(max / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Which of `count` places are named, so that names do not run into each other; the last one always is. */
export function namedPlaces(count: number, room: number): number[] {
  const every = Math.max(1, Math.ceil(count / Math.max(1, room)));
  return Array.from({ length: count }, (_, index) => index).filter((index) => (count - 1 - index) % every === 0);
}

/** The parts of a broken line: null is a gap. A point that stands alone is a part of its own. */
export function linesOf(values: readonly (number | null)[]): { from: number; values: number[] }[] {
  const parts: { from: number; values: number[] }[] = [];
  let open: { from: number; values: number[] } | null = null;
  for (const [index, value] of values.entries()) {
    if (value === null) open = null;
    else if (open) open.values.push(value);
    else parts.push((open = { from: index, values: [value] }));
  }
  return parts;
}
