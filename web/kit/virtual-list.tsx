import type { ComponentChildren, Ref } from "preact";
import { useImperativeHandle, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { findFrom, heightsOf } from "./list-layout.ts";

export interface ListHandle {
  toEnd: () => void;
}

interface Props<T> {
  rows: readonly T[];
  keyOf: (row: T) => string;
  /** Its height in px before it was drawn. */
  guess: (row: T) => number;
  draw: (row: T) => ComponentChildren;
  /** Whether it stays among its neighbours; a heading moves when rows come before it. */
  stays: (row: T) => boolean;
  /** Begins at the end and stays there while the reader does. */
  fromEnd?: boolean;
  /** The reader comes near the first or the last row. */
  nearStart?: () => void;
  nearEnd?: () => void;
  /** The reader is at the end, or has left it. */
  onAtEnd?: (atEnd: boolean) => void;
  class: string;
  label: string;
  role?: "log" | "list";
  busy?: boolean;
  handle?: Ref<ListHandle>;
}

/** Drawn above and below what is seen, in px. */
const AROUND = 600;
const AT_END = 48;
const NEAR = 800;

/**
 * A list of which only what is near the reader's eyes is in the document. What stands where they look stays there when
 * rows above come, go or turn out to be of another height. Each row has a place of its own: those that stay are neither
 * laid out nor painted anew while the reader scrolls.
 */
export function VirtualList<T>(props: Props<T>) {
  const { rows, keyOf, guess, draw, fromEnd = false } = props;
  const frame = useRef<HTMLDivElement>(null);
  const known = useRef(new Map<string, number>());
  const at = useRef({ top: 0, height: 800, stuck: fromEnd, anchor: null as { key: string; top: number } | null });
  const made = useRef<{ draw: unknown; cells: Map<T, ComponentChildren> }>({ draw, cells: new Map() });
  const watched = useRef(new Set<HTMLElement>());
  const watch = useRef<ResizeObserver>(null);
  const [, redraw] = useReducer((count: number) => count + 1, 0);

  const tops = heightsOf(rows, (row) => known.current.get(keyOf(row)) ?? guess(row));
  const total = tops[rows.length]!;
  // Where the reader will be once it is drawn: what they read stays in the document, and keeps its focus.
  const top = at.current.stuck ? Math.max(0, total - at.current.height) : at.current.top + movedBy(tops);
  const from = findFrom(tops, top - AROUND);
  const until = Math.min(rows.length, findFrom(tops, top + at.current.height + AROUND) + 1);
  // While the reader scrolls, only rows that come into sight are made; with another `draw` all are.
  const before = made.current.draw === draw ? made.current.cells : new Map<T, ComponentChildren>();
  const cells = new Map(rows.slice(from, until).map((row) => [row, before.get(row) ?? draw(row)]));
  made.current = { draw, cells };
  const drawn = useRef({ tops, from, rows });
  drawn.current = { tops, from, rows };

  useLayoutEffect(() => {
    const element = frame.current!;
    watch.current = new ResizeObserver((entries) => {
      const height = element.clientHeight;
      if (height === 0) return;
      let changed = height !== at.current.height;
      at.current.height = height;
      for (const { target, borderBoxSize } of entries) {
        if (target !== element && target.isConnected) changed = learn(target, borderBoxSize[0]!.blockSize) || changed;
      }
      if (changed) redraw(undefined);
      else place(element);
    });
    watch.current.observe(element);
    return () => watch.current!.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = frame.current!;
    // Where it is not shown, no row has a height, and nobody comes near the end.
    const isShown = element.clientHeight > 0;
    for (const row of watched.current) {
      if (row.isConnected) continue;
      watch.current!.unobserve(row);
      watched.current.delete(row);
    }
    let changed = false;
    for (const row of element.querySelectorAll<HTMLElement>(":scope > .list-inside > [data-row]")) {
      if (watched.current.has(row)) continue;
      watched.current.add(row);
      watch.current!.observe(row);
      if (isShown) changed = learn(row, row.getBoundingClientRect().height) || changed;
    }
    if (changed) redraw(undefined);
    else if (isShown) place(element);
  });

  /** Whether the row has another height than was known, in px. */
  function learn(row: Element, height: number): boolean {
    const key = row.getAttribute("data-row")!;
    if (Math.abs((known.current.get(key) ?? -1) - height) < 0.5) return false;
    known.current.set(key, height);
    return true;
  }

  /** By how many px the row that the reader looks at is lower than it was. */
  function movedBy(now: Float64Array): number {
    const { anchor } = at.current;
    const index = anchor === null ? -1 : rows.findIndex((row) => keyOf(row) === anchor.key);
    return index < 0 ? 0 : now[index]! - anchor!.top;
  }

  /** Puts the scroller where the reader is: at the end, or at the row they look at. */
  function place(element: HTMLElement): void {
    const { stuck, anchor } = at.current;
    const { tops: now, rows: list } = drawn.current;
    let wanted = element.scrollTop;
    const end = element.scrollHeight - element.clientHeight;
    if (stuck) wanted = end;
    else if (anchor) {
      // Where the list became shorter, the browser has moved them already.
      if (wanted > end - 1) wanted = Math.max(wanted, at.current.top);
      const index = list.findIndex((row) => keyOf(row) === anchor.key);
      // By how much it moved, and not to where it was: the reader may have scrolled since.
      if (index >= 0) wanted += now[index]! - anchor.top;
      if (index >= 0) anchor.top = now[index]!;
    }
    if (Math.abs(wanted - element.scrollTop) > 1) element.scrollTop = wanted;
    at.current.top = element.scrollTop;
    tellWhereabouts(element);
  }

  function tellWhereabouts(element: HTMLElement): void {
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (element.scrollTop < NEAR) props.nearStart?.();
    if (left < NEAR) props.nearEnd?.();
    props.onAtEnd?.(left < AT_END);
  }

  /**
   * The first row at the reader's eyes whose height is known: one that was only guessed pushes away what stands below it
   * once it is drawn.
   */
  function anchorAt(list: readonly T[], now: Float64Array, scrollTop: number): { key: string; top: number } | null {
    const first = findFrom(now, scrollTop);
    let guessed = -1;
    for (let index = first; index < list.length && now[index]! <= scrollTop + at.current.height; index++) {
      if (!props.stays(list[index]!)) continue;
      const key = keyOf(list[index]!);
      if (known.current.has(key)) return { key, top: now[index]! };
      if (guessed < 0) guessed = index;
    }
    return guessed < 0 ? null : { key: keyOf(list[guessed]!), top: now[guessed]! };
  }

  function onScroll(): void {
    const element = frame.current!;
    const { scrollTop } = element;
    const up = scrollTop < at.current.top - 1;
    const left = element.scrollHeight - scrollTop - element.clientHeight;
    if (up && left > AT_END) at.current.stuck = false;
    else if (left < AT_END) at.current.stuck = fromEnd;
    at.current.top = scrollTop;
    const { tops: now, rows: list } = drawn.current;
    at.current.anchor = anchorAt(list, now, scrollTop);
    const nextFrom = findFrom(now, scrollTop - AROUND / 2);
    const nextUntil = findFrom(now, scrollTop + at.current.height + AROUND / 2);
    if (nextFrom < from || nextUntil > until || from < nextFrom - 20) redraw(undefined);
    tellWhereabouts(element);
  }

  useImperativeHandle(
    props.handle ?? null,
    () => ({
      toEnd: () => {
        at.current.stuck = fromEnd;
        redraw(undefined);
      },
    }),
    [],
  );

  return (
    <div
      ref={frame}
      class={`list ${props.class}`}
      role={props.role}
      aria-label={props.label}
      aria-live={props.role === "log" ? "off" : undefined}
      aria-busy={props.busy}
      tabIndex={0}
      onScroll={onScroll}
    >
      <div class="list-inside" role="presentation" style={{ height: `${total}px` }}>
        {[...cells].map(([row, cell], index) => (
          <div
            key={keyOf(row)}
            data-row={keyOf(row)}
            role={props.role === "list" ? "listitem" : undefined}
            style={{ top: `${tops[from + index]}px` }}
          >
            {cell}
          </div>
        ))}
      </div>
    </div>
  );
}
