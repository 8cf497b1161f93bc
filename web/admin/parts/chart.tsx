import { useEffect, useId, useRef, useState } from "preact/hooks";
import { linesOf, namedPlaces, ticksUpTo } from "./scale.ts";

export interface Series {
  name: string;
  /** A class that gives it its colour. */
  look: "accent" | "danger" | "warn" | "good" | "muted";
  /** Null = nothing is known there. */
  values: readonly (number | null)[];
}

export interface ChartProps {
  title: string;
  /** The number that says most: of the whole time. */
  headline: string;
  note?: string;
  /** What the axis counts. */
  unit: string;
  kind: "bars" | "lines";
  /** When each place begins. */
  at: readonly string[];
  bucket: "hour" | "day";
  series: readonly Series[];
  format: (value: number) => string;
}

const HEIGHT = 150;
const EDGE = { top: 8, right: 8, bottom: 22, left: 48 };

/** Values over time. What the eyes see stands below as a table, too. */
export function Chart({ title, headline, note, unit, kind, at, bucket, series, format }: ChartProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [looked, setLooked] = useState<number | null>(null);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);

  const count = at.length;
  const top = Math.max(
    0,
    ...at.map((_, index) => {
      const here = series.map(({ values }) => values[index] ?? 0);
      return kind === "bars" ? here.reduce((sum, value) => sum + value, 0) : Math.max(...here);
    }),
  );
  const isWhole = series.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
  const ticks = ticksUpTo(top, isWhole);
  const max = ticks.at(-1) ?? 1;
  const inner = { width: Math.max(1, width - EDGE.left - EDGE.right), height: HEIGHT - EDGE.top - EDGE.bottom };
  const slot = inner.width / Math.max(1, count);
  const x = (index: number) => EDGE.left + slot * (index + 0.5);
  const y = (value: number) => EDGE.top + inner.height * (1 - value / max);
  const names = at.map((time) => nameOf(time, bucket));
  const look = (event: PointerEvent) => {
    const bounds = (event.currentTarget as Element).getBoundingClientRect();
    const index = Math.floor((event.clientX - bounds.left - EDGE.left) / slot);
    setLooked(index >= 0 && index < count ? index : null);
  };

  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption>
        <h2 id={id}>{title}</h2>
        <p class="headline">{headline}</p>
        {note !== undefined && <p class="muted">{note}</p>}
      </figcaption>
      <div ref={box} class="plot">
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label={`${title} over time, as a table below`}
            onPointerMove={look}
            onPointerLeave={() => setLooked(null)}
          >
            {top === 0 && (
              <text class="nothing" x={width / 2} y={HEIGHT / 2} text-anchor="middle">
                Nothing in this time
              </text>
            )}
            {ticks.map((tick) => (
              <g key={tick} class="grid">
                <line x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
                {top > 0 && (
                  <text x={EDGE.left - 6} y={y(tick) + 4} text-anchor="end">
                    {format(tick)}
                  </text>
                )}
              </g>
            ))}
            {namedPlaces(count, Math.floor(inner.width / 64)).map((index) => (
              <text
                key={index}
                class="name"
                x={Math.min(x(index), width - EDGE.right)}
                y={HEIGHT - 6}
                text-anchor={index === count - 1 ? "end" : "middle"}
              >
                {names[index]}
              </text>
            ))}
            {looked !== null && (
              <rect class="looked" x={x(looked) - slot / 2} y={EDGE.top} width={slot} height={inner.height} />
            )}
            {kind === "bars" ? (
              <Bars series={series} count={count} x={x} y={y} slot={slot} />
            ) : (
              <Lines series={series} x={x} y={y} />
            )}
          </svg>
        )}
      </div>
      <ul class="legend" aria-hidden="true">
        <li class="muted">{looked === null ? `${unit} per ${bucket} (UTC):` : `${names[looked]} UTC:`}</li>
        {series.map(({ name, look: colour, values }) => (
          <li key={name}>
            <span class={`swatch ${colour}`} />
            {name}
            {looked !== null && <strong> {values[looked] == null ? "–" : format(values[looked])}</strong>}
          </li>
        ))}
      </ul>
      <details>
        <summary>
          As a table<span class="for-readers">: {title}</span>
        </summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, table`}>
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">{bucket === "hour" ? "Hour" : "Day"} (UTC)</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" class="end">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {at.map((time, index) => (
                <tr key={time}>
                  <th scope="row">{time.slice(0, bucket === "hour" ? 16 : 10).replace("T", " ")}</th>
                  {series.map(({ name, values }) => (
                    <td key={name} class="end">
                      {values[index] == null ? "–" : format(values[index])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

interface Drawn {
  series: readonly Series[];
  x: (index: number) => number;
  y: (value: number) => number;
}

function Bars({ series, count, x, y, slot }: Drawn & { count: number; slot: number }) {
  const wide = Math.max(1, Math.min(28, slot * 0.72));
  return (
    <>
      {Array.from({ length: count }, (_, index) => {
        let below = 0;
        return series.map(({ name, look, values }) => {
          const value = values[index] ?? 0;
          const from = below;
          below += value;
          if (value === 0) return null;
          return (
            <rect
              key={`${name} ${index}`}
              class={look}
              x={x(index) - wide / 2}
              width={wide}
              y={y(below)}
              height={Math.max(1, y(from) - y(below))}
            />
          );
        });
      })}
    </>
  );
}

function Lines({ series, x, y }: Drawn) {
  return (
    <>
      {series.map(({ name, look, values }) =>
        linesOf(values).map((part) => {
          const points = part.values.map((value, index) => [x(part.from + index), y(value)] as const);
          const [only] = points;
          return points.length === 1 && only ? (
            <circle key={`${name} ${part.from}`} class={look} cx={only[0]} cy={only[1]} r="2.5" />
          ) : (
            <polyline
              key={`${name} ${part.from}`}
              class={look}
              points={points.map((each) => each.map((value) => value.toFixed(1)).join(",")).join(" ")}
            />
          );
        }),
      )}
    </>
  );
}

/** In UTC, as the buckets are. */
function nameOf(time: string, bucket: "hour" | "day"): string {
  if (bucket === "hour") return time.slice(11, 16);
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });
}
