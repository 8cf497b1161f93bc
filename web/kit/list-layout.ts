/** Where each row begins, and where the last one ends: one more number than there are rows. */
export function heightsOf<T>(rows: readonly T[], heightOf: (row: T) => number): Float64Array {
  const tops = new Float64Array(rows.length + 1);
  for (let index = 0; index < rows.length; index++) tops[index + 1] = tops[index]! + heightOf(rows[index]!);
  return tops;
}

/** The row that `y` lies in; the first or last one beyond the ends. */
export function findFrom(tops: Float64Array, y: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle]! <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}
