const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

export const formatCount = (value: number): string => count.format(value);
export const formatCompact = (value: number): string => compact.format(value);

export function formatMs(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

export const formatDays = (days: number): string => `${formatCount(days)} ${days === 1 ? "day" : "days"}`;

/** A name inside of a sentence, whatever direction its letters run in. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;

export function formatUsd(value: number | null): string {
  if (value === null) return "–";
  const isFine = value < 0.1 && Math.abs(value * 100 - Math.round(value * 100)) > 1e-9;
  return `$${value.toFixed(isFine ? 4 : 2)}`;
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

function ago(at: Date): string {
  const ms = at.getTime() - Date.now();
  const [unit, size] = UNITS.find(([, each]) => Math.abs(ms) >= each) ?? ["second", 1_000];
  return relative.format(Math.round(ms / size), unit);
}

/** When something was, or will be: how far it is away, exactly on hover. Null = `never`. */
export function When({ at, never = "–" }: { at: string | null; never?: string }) {
  if (at === null) return <span class="muted">{never}</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={exact.format(date)}>
      {ago(date)}
    </time>
  );
}

/** Exactly when, and in whose time. */
export function Stamp({ at }: { at: string }) {
  return <time dateTime={at}>{exact.format(new Date(at))}</time>;
}

/** The beginning of an id is enough to tell a few apart; it is there whole on hover and for copying. */
export function Id({ id, href }: { id: string; href?: string | undefined }) {
  const short = id.length > 14 ? `${id.slice(0, 12)}…` : id;
  return href === undefined ? (
    <code title={id}>{short}</code>
  ) : (
    <a href={href} title={id}>
      <code>{short}</code>
    </a>
  );
}
