import { useEffect, useState } from "preact/hooks";

/** Where the operator is. All that a page shows stands in here, so that its address can be passed on. */
export interface Route {
  /** Without /admin: "/" or "/sessions/ses_1". */
  path: string;
  query: URLSearchParams;
}

const BASE = "/admin";
const changed = new EventTarget();

function readRoute(): Route {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, "");
  return { path: path === "" ? "/" : path, query: new URLSearchParams(location.search) };
}

export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const read = () => setRoute(readRoute());
    changed.addEventListener("change", read);
    addEventListener("popstate", read);
    return () => {
      changed.removeEventListener("change", read);
      removeEventListener("popstate", read);
    };
  }, []);
  return route;
}

/** The address of a page of the dashboard. */
export function to(path: string, query: Record<string, string | null> = {}): string {
  const given = Object.entries(query).filter((each): each is [string, string] => each[1] !== null && each[1] !== "");
  const text = new URLSearchParams(given).toString();
  return `${BASE}${path === "/" ? "" : path}${text === "" ? "" : `?${text}`}`;
}

export function go(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  changed.dispatchEvent(new Event("change"));
}

/** Changes the filters of the page that is open; null takes one away. */
export function setFilters(change: Record<string, string | null>): void {
  const { path, query } = readRoute();
  go(to(path, { ...Object.fromEntries(query), ...change }), { replace: true });
}

/** Links of the dashboard open without loading the page anew. */
export function followLinks(event: MouseEvent): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  if (!link || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (link.getAttribute("href")?.startsWith("#")) return;
  if (link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return;
  event.preventDefault();
  go(`${link.pathname}${link.search}`);
}
