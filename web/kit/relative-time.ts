/** The name of a local day (YYYY-MM-DD) as people say it. */
export function nameOfDay(day: string, names: { today: string; yesterday: string }, language: string): string {
  const date = new Date(`${day}T12:00:00`);
  const now = new Date();
  const days = Math.round(
    (new Date(now.getFullYear(), now.getMonth(), now.getDate(), 12).getTime() - date.getTime()) / 86_400_000,
  );
  if (days === 0) return names.today;
  if (days === 1) return names.yesterday;
  const year = date.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return formatOf(language, {
    weekday: days < 7 ? "long" : "short",
    day: "numeric",
    month: "long",
    ...year,
  }).format(date);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Made once: it takes longer than a row of a list may. */
function formatOf(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  const format = formats.get(key) ?? new Intl.DateTimeFormat(language, options);
  formats.set(key, format);
  return format;
}
