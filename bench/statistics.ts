/** The smallest of the values that at least `p` percent of them do not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil((p / 100) * sorted.length);
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN;
}

/** The middle value; of an even number the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [below, above] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return below === undefined || above === undefined ? Number.NaN : (below + above) / 2;
}

/** How many spans hold the same moment at most; a span whose end is not known counts nowhere. */
export function mostAtOnce(spans: readonly (readonly [from: number | null, to: number | null])[]): number {
  const turns = spans.flatMap(([from, to]) =>
    from === null || to === null
      ? []
      : [
          { at: from, by: 1 },
          { at: to, by: -1 },
        ],
  );
  let now = 0;
  let most = 0;
  for (const { by } of turns.toSorted((a, b) => a.at - b.at || b.by - a.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
