import type { ComponentChildren } from "preact";
import type { ApiProblem } from "../../kit/api.ts";
import { wordsOf } from "./load.ts";
import { setFilters } from "./route.ts";

export interface Column<R> {
  name: string;
  cell: (row: R) => ComponentChildren;
  /** Numbers stand at the end. */
  end?: boolean;
  /** May be long: it takes what room is left, and wraps. */
  wide?: boolean;
  /** Says which row it is: the head of its row. */
  head?: boolean;
}

/**
 * Rows under the names of their columns; on a narrow screen each row is a card. The roles are written out, because a
 * table whose display is another one loses them.
 */
export function DataTable<R>({
  caption,
  columns,
  rows,
  keyOf,
}: {
  caption: string;
  columns: Column<R>[];
  rows: readonly R[];
  keyOf: (row: R) => string;
}) {
  return (
    <table class="data" role="table">
      <caption class="for-readers">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ name, end }) => (
            <th key={name} role="columnheader" scope="col" class={end ? "end" : ""}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ name, cell, end, wide, head }) => {
              const look = [end ? "end" : "", wide ? "wide" : ""].join(" ").trim();
              return head ? (
                <th key={name} role="rowheader" scope="row" class={look} data-label={name}>
                  <span class="value">{cell(row)}</span>
                </th>
              ) : (
                <td key={name} role="cell" class={look} data-label={name}>
                  <span class="value">{cell(row)}</span>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What stands in a list's place before it is there, when it is empty, or when it cannot be had; and its next page. */
export function List<R>({
  list,
  empty,
  children,
}: {
  list: {
    rows: readonly R[] | null;
    problem: ApiProblem | null;
    loading: boolean;
    hasMore?: boolean;
    more?: () => void;
    reload: () => void;
  };
  empty: ComponentChildren;
  children: (rows: readonly R[]) => ComponentChildren;
}) {
  const { rows, problem, loading, hasMore = false, more, reload } = list;
  return (
    <>
      {problem && <Trouble problem={problem} again={reload} />}
      {rows === null && !problem && <Waiting />}
      {rows?.length === 0 && <div class="empty">{empty}</div>}
      {rows !== null && rows.length > 0 && children(rows)}
      {hasMore && (
        <p class="more">
          <button type="button" class="button" disabled={loading} onClick={more}>
            {loading ? "Loading…" : "Show more"}
          </button>
        </p>
      )}
    </>
  );
}

/** An empty list: because of its filters, which can be cleared, or because there is nothing yet. */
export function Nothing(props: { query: URLSearchParams; fits: string; children: ComponentChildren }) {
  const { query, fits, children } = props;
  const narrowed = [...query].filter(([, value]) => value !== "").map(([name]) => name);
  if (narrowed.length === 0) return <>{children}</>;
  return (
    <>
      {fits}{" "}
      <button
        type="button"
        class="button small"
        onClick={() => setFilters(Object.fromEntries(narrowed.map((name) => [name, null])))}
      >
        Clear the filters
      </button>
    </>
  );
}

export function Waiting() {
  return (
    <p class="empty" role="status">
      Loading…
    </p>
  );
}

export function Trouble({ problem, again }: { problem: ApiProblem; again?: () => void }) {
  return (
    <p class="trouble" role="alert">
      {wordsOf(problem)}
      {again && (
        <button type="button" class="button small" onClick={again}>
          Try again
        </button>
      )}
    </p>
  );
}
