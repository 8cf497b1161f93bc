import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { followUser, forgetUser } from "../chat/kept-words.ts";
import { callApi } from "../kit/api.ts";
import { shownName } from "../kit/shown-name.ts";
import { showToast, Toasts } from "../kit/toast.tsx";
import { chooseTheme, readTheme, type Theme } from "../kit/theme.ts";
import { Agents } from "./pages/agents.tsx";
import { Audit } from "./pages/audit.tsx";
import { Budgets } from "./pages/budgets.tsx";
import { Card, Places } from "./pages/card.tsx";
import { Deliveries } from "./pages/deliveries.tsx";
import { Feedback } from "./pages/feedback.tsx";
import { Housekeeping } from "./pages/housekeeping.tsx";
import { Keys } from "./pages/keys.tsx";
import { Overview } from "./pages/overview.tsx";
import { People } from "./pages/people.tsx";
import { Person } from "./pages/person.tsx";
import { Platforms } from "./pages/platforms.tsx";
import { Runs } from "./pages/runs.tsx";
import { Session } from "./pages/session.tsx";
import { Sessions } from "./pages/sessions.tsx";
import { Trace } from "./pages/trace.tsx";
import { Traces } from "./pages/traces.tsx";
import { Trouble, Waiting } from "./parts/data-table.tsx";
import { forgetDrafts, unsavedNames } from "./parts/drafts.ts";
import { asProblem, useLoad, wordsOf } from "./parts/load.ts";
import { type Me, MeContext } from "./parts/me.ts";
import { followLinks, to, useRoute } from "./parts/route.ts";

export interface PageProps {
  query: URLSearchParams;
  /** What follows the page's name in the address; "" = nothing. */
  id: string;
}

interface PageOf {
  path: string;
  title: string;
  page: ComponentType<PageProps>;
  /** One of them, by its id. */
  one?: { title: string; page: ComponentType<PageProps> };
}

const GROUPS: readonly { name: string; pages: readonly PageOf[] }[] = [
  {
    name: "Now",
    pages: [
      { path: "/", title: "Overview", page: Overview },
      { path: "/runs", title: "Runs", page: Runs },
    ],
  },
  {
    name: "Talks",
    pages: [
      { path: "/sessions", title: "Sessions", page: Sessions, one: { title: "Session", page: Session } },
      { path: "/traces", title: "Traces", page: Traces, one: { title: "Trace", page: Trace } },
      { path: "/feedback", title: "Feedback", page: Feedback },
    ],
  },
  {
    name: "Gateway",
    pages: [
      { path: "/agents", title: "Agents", page: Agents, one: { title: "Card", page: Card } },
      { path: "/places", title: "Places", page: Places },
      { path: "/platforms", title: "Platforms", page: Platforms },
      { path: "/deliveries", title: "Deliveries", page: Deliveries },
      { path: "/budgets", title: "Budgets", page: Budgets },
    ],
  },
  {
    name: "Access",
    pages: [
      { path: "/people", title: "People", page: People, one: { title: "Person", page: Person } },
      { path: "/keys", title: "Keys", page: Keys },
      { path: "/audit", title: "Audit", page: Audit },
      { path: "/retention", title: "Retention", page: Housekeeping },
    ],
  },
];
const PAGES = GROUPS.flatMap(({ pages }) => pages);

export function Dashboard() {
  // Asking a stranger's browser who it is would be an error in its console.
  const door = useLoad<{ known: boolean }>("/v1/sign-in");
  const { data: me, problem, reload } = useLoad<Me>(door.data?.known ? "/v1/me" : null);
  // Another window of this browser was signed out, or in as somebody else.
  useEffect(
    () =>
      followUser((user) => {
        if (me === null ? user === "" : user === me.user_id) return;
        forgetDrafts();
        location.reload();
      }),
    [me],
  );
  if (me?.role) return <Shell me={me} />;
  if (me) return <Closed>This page is for operators. You are signed in as {me.name || "a person"}.</Closed>;
  if (door.data?.known === false || problem?.status === 401) return <Closed>You are not signed in.</Closed>;
  return (
    <main class="closed">
      <h1>Parley</h1>
      {door.problem && <Trouble problem={door.problem} again={door.reload} />}
      {problem && <Trouble problem={problem} again={reload} />}
      {!door.problem && !problem && <Waiting />}
    </main>
  );
}

function Closed({ children }: { children: preact.ComponentChildren }) {
  return (
    <main class="closed">
      <h1>Parley: operations</h1>
      <p>{children}</p>
      <p>
        An operator signs in by the one-time link that the gateway's start prints; <code>npm run parley -- web</code>{" "}
        prints a new one.
      </p>
      <p>
        <a href="/">To the chat</a>
      </p>
    </main>
  );
}

function Shell({ me }: { me: Me }) {
  const { path, query } = useRoute();
  const [, first = "", ...rest] = path.split("/");
  const id = decoded(rest.join("/"));
  const at = PAGES.find((page) => page.path === `/${first}`);
  const shown = id === "" ? at : at?.one;
  const title = shown?.title ?? "Nothing here";
  const heading = useRef<HTMLHeadingElement>(null);
  const arrived = useRef(false);
  useEffect(() => {
    document.title = `${title} · Parley`;
    // Not at the first page: nobody has gone anywhere yet.
    if (arrived.current) heading.current?.focus();
    arrived.current = true;
    document.querySelector("#content")?.scrollTo(0, 0);
  }, [path, title]);
  const Page = shown?.page;

  return (
    <MeContext.Provider value={me}>
      <div class="admin" onClick={followLinks}>
        <a class="skip" href="#content" onClick={() => heading.current?.focus()}>
          Skip to the content
        </a>
        <Side path={at?.path ?? ""} me={me} />
        <main id="content" tabIndex={-1} data-path={path}>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {Page ? (
            <Page key={path} query={query} id={id} />
          ) : (
            <p>
              There is no such page. <a href={to("/")}>To the overview</a>
            </p>
          )}
        </main>
        <Toasts />
      </div>
    </MeContext.Provider>
  );
}

/** Whatever stands in an address. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function Side({ path, me }: { path: string; me: Me }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  return (
    <header class="side">
      <div class="brand">
        <a href={to("/")}>Parley</a>
        <button
          type="button"
          class="button menu"
          aria-expanded={open}
          aria-controls="pages"
          onClick={() => setOpen(!open)}
        >
          Menu
        </button>
      </div>
      <div id="pages" class={open ? "pages open" : "pages"}>
        <nav aria-label="Pages">
          {GROUPS.map(({ name, pages }) => (
            <div key={name} class="group">
              <p id={`group-${name}`}>{name}</p>
              <ul aria-labelledby={`group-${name}`}>
                {pages.map((page) => (
                  <li key={page.path}>
                    <a href={to(page.path)} {...(page.path === path ? { "aria-current": "page" as const } : {})}>
                      {page.title}
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <div class="who">
          <p>
            <span class="muted">Signed in as</span> <bdi>{shownName(me.name) || "the operator"}</bdi>{" "}
            <span class="muted">({me.role})</span>
          </p>
          {me.role === "viewer" && <p class="muted">You see everything and change nothing.</p>}
          <ThemeChoice />
          <p class="actions start">
            <a class="button small" href="/">
              To the chat
            </a>
            <button type="button" class="button small" onClick={() => void signOut()}>
              Sign out
            </button>
          </p>
        </div>
      </div>
    </header>
  );
}

async function signOut(anyway = false): Promise<void> {
  const unsaved = unsavedNames();
  if (unsaved.length > 0 && !anyway) {
    const words = `What you changed of ${unsaved.join(", ")} is not saved.`;
    return showToast(words, { label: "Sign out anyway", run: () => void signOut(true) });
  }
  try {
    await callApi("POST", "/v1/sign-out", { body: {} });
    forgetDrafts();
    forgetUser();
    location.assign("/");
  } catch (error) {
    showToast(wordsOf(asProblem(error)));
  }
}

function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>(readTheme);
  const choose = (value: Theme) => {
    chooseTheme(value);
    setTheme(value);
  };
  return (
    <label class="theme">
      <span>Theme</span>
      <select class="field" value={theme} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        <option value="system">As the system</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}
