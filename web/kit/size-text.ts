/** For people, in the language of the page. */
export function sizeText(bytes: number): string {
  const [unit, size] = bytes < 1_000_000 ? ["kilobyte", bytes / 1_000] : ["megabyte", bytes / 1_000_000];
  const form = { style: "unit", unit, maximumFractionDigits: size < 10 ? 1 : 0 } as const;
  return new Intl.NumberFormat(document.documentElement.lang, form).format(Math.max(0.1, size));
}
