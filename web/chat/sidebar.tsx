import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Dialog } from "../kit/dialog.tsx";
import { Icon, IconButton } from "../kit/icons.tsx";
import { nameOfDay } from "../kit/relative-time.ts";
import { useStore } from "../kit/store.ts";
import { showToast } from "../kit/toast.tsx";
import { VirtualList } from "../kit/virtual-list.tsx";
import { texts } from "../texts/texts.ts";
import { rootOf } from "./branches.ts";
import type { ChatApp } from "./chat-app.ts";
import { dayOf } from "./talk-rows.ts";
import type { WireSession } from "./wire.ts";

type Line = { kind: "day"; key: string; day: string } | { kind: "talk"; key: string; session: WireSession };

const SEARCH_MS = 250;
const DAY_HEIGHT = 36;
const TALK_HEIGHT = 48;

/** `seeks`: it is shown for its search. */
export function Sidebar({ app, leave, seeks }: { app: ChatApp; leave: () => void; seeks: boolean }) {
  const said = texts();
  const view = useStore(app.list.view, (value) => value);
  const language = useStore(app.view, (value) => value.language);
  const current = useStore(app.view, (value) => value.talk?.id ?? null);
  const me = useStore(app.view, (value) => value.me);
  const [words, setWords] = useState(view.words);
  const lines = useMemo(() => linesOf(view.sessions, view.removed), [view.sessions, view.removed]);

  useEffect(() => {
    const timer = setTimeout(() => app.list.search(words.trim()), SEARCH_MS);
    return () => clearTimeout(timer);
  }, [words]);

  const rename = (session: WireSession, title: string) => {
    app.list.rename(session, title).catch((error: unknown) => showToast(app.explain(error)));
  };
  const remove = (session: WireSession) => {
    const { undo, finish } = app.list.remove(session, (why) => showToast(said.somethingWrong.replace("{why}", why)));
    const open = rootOfOpen(app) === rootOf(session) ? current : null;
    const back = () => {
      // Nobody is taken away from what they have opened meanwhile.
      if (undo() && open !== null && app.view.value.talk === null) app.openTalk(open);
    };
    showToast(said.deleted, { label: said.undo, run: back, missed: finish });
    if (open !== null) app.openTalk(null);
    // Nothing behind a drawer can be pressed, and the undo stands there.
    leave();
  };

  return (
    <div class="sidebar">
      <div class="sidebar-top">
        <button
          type="button"
          class="button wide-button"
          onClick={() => {
            app.openTalk(null);
            leave();
          }}
        >
          <Icon name="plus" />
          {said.newTalk}
        </button>
        <div class="search">
          <Icon name="search" />
          <input
            id="search"
            type="search"
            class="field"
            aria-label={said.search}
            placeholder={said.search}
            value={words}
            autofocus={seeks}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </div>
      </div>
      <nav class="sidebar-list" aria-label={said.talks}>
        {lines.length === 0 && (
          <p class="quiet">
            {view.state === "failed"
              ? said.loadFailed
              : view.state === "ready"
                ? view.words === ""
                  ? said.noTalks
                  : said.nothingFound
                : ""}
          </p>
        )}
        <VirtualList
          class="talks"
          role="list"
          label={said.talks}
          rows={lines}
          keyOf={(line) => line.key}
          guess={(line) => (line.kind === "day" ? DAY_HEIGHT : TALK_HEIGHT)}
          stays={(line) => line.kind !== "day"}
          nearEnd={() => void app.list.loadMore()}
          draw={(line) =>
            line.kind === "day" ? (
              <h2 class="talks-day">{nameOfDay(line.day, said, language)}</h2>
            ) : (
              <TalkLine
                session={line.session}
                current={rootOf(line.session) === rootOfOpen(app)}
                open={() => {
                  app.openTalk(line.session.session_id);
                  leave();
                }}
                rename={(title) => rename(line.session, title)}
                remove={() => remove(line.session)}
              />
            )
          }
        />
      </nav>
      <div class="sidebar-end">
        {me?.role != null && (
          <a class="button plain" href="/admin">
            <Icon name="trace" />
            {said.operations}
          </a>
        )}
      </div>
    </div>
  );
}

function TalkLine(props: {
  session: WireSession;
  current: boolean;
  open: () => void;
  rename: (title: string) => void;
  remove: () => void;
}) {
  const { session, current, open, rename, remove } = props;
  const said = texts();
  const [shows, setShows] = useState<"menu" | "rename" | null>(null);
  const title = session.title.trim() || said.untitled;
  const line = useRef<HTMLDivElement>(null);
  const shown = useRef(shows);
  const closes = useRef(false);
  // What had the focus is gone: it goes on from where the menu was opened.
  useEffect(() => {
    if (shows === null && shown.current !== null && document.activeElement === document.body) {
      line.current?.querySelector<HTMLElement>(".talk-more")?.focus({ preventScroll: true });
    }
    shown.current = shows;
  }, [shows]);
  return (
    <div
      ref={line}
      class={`talk${current ? " current" : ""}`}
      // The press has closed it by the time it is a click.
      onPointerDown={() => (closes.current = shows === "menu")}
    >
      <button type="button" class="talk-open" aria-current={current ? "page" : undefined} onClick={open}>
        <span class="talk-title">{title}</span>
        {session.status !== "idle" && (
          <span class={`talk-state ${session.status}`} title={said.running}>
            <span class="for-readers">{said.running}</span>
          </span>
        )}
        {session.platform !== "web" && session.platform !== "api" && (
          <span class="badge">{nameOf(session.platform)}</span>
        )}
      </button>
      <IconButton
        icon="more"
        class="small talk-more"
        label={`${said.more}: ${title}`}
        onClick={() => {
          setShows(closes.current ? null : "menu");
          closes.current = false;
        }}
      />
      {shows === "menu" && (
        <Menu close={() => setShows(null)}>
          <button type="button" class="button plain" onClick={() => setShows("rename")}>
            <Icon name="edit" />
            {said.rename}
          </button>
          <button
            type="button"
            class="button plain"
            onClick={() => {
              setShows(null);
              remove();
            }}
          >
            <Icon name="trash" />
            {said.delete}
          </button>
        </Menu>
      )}
      {shows === "rename" && (
        <RenameDialog
          title={session.title}
          done={(name) => {
            setShows(null);
            if (name !== null && name !== session.title) rename(name);
          }}
        />
      )}
    </div>
  );
}

/** Over everything, below what it belongs to or above it; closes by a press elsewhere and by Escape. */
function Menu({ close, children }: { close: () => void; children: ComponentChildren }) {
  const frame = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    frame.current!.showPopover();
    frame.current!.querySelector("button")?.focus();
  }, []);
  useLayoutEffect(() => {
    const place = () => {
      const { style, offsetHeight, offsetWidth, parentElement } = frame.current!;
      const { top, bottom, right } = parentElement!.getBoundingClientRect();
      const seen = parentElement!.closest(".list")!.getBoundingClientRect();
      if (bottom <= seen.top || top >= seen.bottom) close();
      style.left = `${right - offsetWidth}px`;
      style.top = `${Math.max(0, bottom + offsetHeight > innerHeight ? top - offsetHeight : bottom)}px`;
    };
    place();
    addEventListener("scroll", place, { capture: true });
    addEventListener("resize", place);
    return () => {
      removeEventListener("scroll", place, { capture: true });
      removeEventListener("resize", place);
    };
  });
  return (
    <div
      class="menu"
      ref={frame}
      popover="auto"
      onToggle={({ newState }) => {
        if (newState === "closed") close();
      }}
      onFocusOut={(event) => {
        if (event.relatedTarget && !frame.current?.contains(event.relatedTarget as Node)) close();
      }}
    >
      {children}
    </div>
  );
}

/** Null = nothing is changed. */
function RenameDialog({ title, done }: { title: string; done: (title: string | null) => void }) {
  const said = texts();
  const [text, setText] = useState(title);
  return (
    <Dialog label={said.rename} closeLabel={said.close} onClose={() => done(null)}>
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          done(text.trim());
        }}
      >
        <label>
          {said.title}
          <input
            class="field"
            value={text}
            maxLength={200}
            autofocus
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button primary">
          {said.save}
        </button>
      </form>
    </Dialog>
  );
}

/** The first session of the talk that is open, whichever of its versions is. */
function rootOfOpen(app: ChatApp): string | null {
  const { talk } = app.view.value;
  const listed = app.list.view.value.sessions.find(({ session_id: id }) => id === talk?.id);
  const session = listed ?? talk?.view.value.session;
  return session ? rootOf(session) : (talk?.id ?? null);
}

/** Versions of one talk are one line: the one that was used last. */
function linesOf(sessions: readonly WireSession[], removed: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  const roots = new Set<string>();
  let day = "";
  for (const session of sessions) {
    const root = rootOf(session);
    if (roots.has(root) || removed.has(root)) continue;
    roots.add(root);
    const own = dayOf(session.updated_at);
    if (own !== day) lines.push({ kind: "day", key: `day:${own}`, day: own });
    day = own;
    lines.push({ kind: "talk", key: root, session });
  }
  return lines;
}

function nameOf(platform: string): string {
  return platform.slice(0, 1).toUpperCase() + platform.slice(1);
}
