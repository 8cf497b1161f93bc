import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, IconButton } from "../kit/icons.tsx";
import { Dialog } from "../kit/dialog.tsx";
import { useStore } from "../kit/store.ts";
import { showToast, Toasts } from "../kit/toast.tsx";
import { useMedia } from "../kit/use-media.ts";
import { texts } from "../texts/texts.ts";
import { rootOf } from "./branches.ts";
import { type ChatApp, chosenAgent } from "./chat-app.ts";
import { Composer, type ComposerHandle } from "./composer.tsx";
import type { OpenTalk } from "./open-talk.ts";
import { SettingsDialog } from "./settings-dialog.tsx";
import { Sidebar } from "./sidebar.tsx";
import { SignInView } from "./sign-in-view.tsx";
import { isBusy } from "./talk.ts";
import { Transcript } from "./transcript.tsx";
import { SendingView } from "./user-view.tsx";

export function ChatPage({ app }: { app: ChatApp }) {
  const { signedOut, opening, talk } = useStore(app.view, (value) => value);
  const [drawer, setDrawer] = useState<"talks" | "search" | null>(null);
  const [asksSettings, setAsksSettings] = useState(false);
  // As in chat.css.
  const wide = useMedia("(min-width: 48rem)");
  const said = texts();

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      if (event.key.toLowerCase() === "k") {
        event.preventDefault();
        setDrawer("search");
        document.querySelector<HTMLElement>("#search")?.focus();
      } else if (event.shiftKey && event.key.toLowerCase() === "o") {
        event.preventDefault();
        app.openTalk(null);
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  if (signedOut) return <SignInView />;
  return (
    <div class="page">
      {wide && (
        <aside class="beside">
          <Sidebar app={app} leave={() => setDrawer(null)} seeks={false} />
        </aside>
      )}
      {drawer && !wide && (
        <Dialog label={said.talks} closeLabel={said.close} onClose={() => setDrawer(null)} class="drawer">
          <Sidebar app={app} leave={() => setDrawer(null)} seeks={drawer === "search"} />
        </Dialog>
      )}
      <main class="talk-page">
        <header class="top">
          <IconButton icon="menu" class="only-narrow" label={said.menu} onClick={() => setDrawer("talks")} />
          {talk ? <TalkTitle app={app} talk={talk} /> : <AgentPicker app={app} />}
          <IconButton icon="settings" label={said.settings} onClick={() => setAsksSettings(true)} />
        </header>
        {talk && <TalkBody key={talk.id} app={app} talk={talk} />}
        {!talk && !opening && <NewTalk app={app} />}
      </main>
      {asksSettings && <SettingsDialog app={app} close={() => setAsksSettings(false)} />}
      <Toasts />
    </div>
  );
}

function TalkTitle({ app, talk }: { app: ChatApp; talk: OpenTalk }) {
  const session = useStore(talk.view, (value) => value.session);
  // Versions have one name, and not all of them are listed.
  const listed = useStore(app.list.view, ({ sessions }) => {
    const own = sessions.find(({ session_id: id }) => id === talk.id);
    return (own ?? sessions.find((row) => session && rootOf(row) === rootOf(session)))?.title;
  });
  const title = listed || session?.title || texts().untitled;
  useEffect(() => {
    document.title = `${title} – Parley`;
  }, [title]);
  return (
    <div class="top-title">
      <h1>{title}</h1>
      {session && <span class="badge">{session.agent}</span>}
    </div>
  );
}

function AgentPicker({ app }: { app: ChatApp }) {
  const said = texts();
  const agents = useStore(app.view, (value) => value.agents);
  const chosen = useStore(app.view, chosenAgent);
  useEffect(() => {
    document.title = `${said.newTalk} – Parley`;
  }, [said]);
  return (
    <div class="top-title">
      <h1 class="for-readers">Parley</h1>
      {agents.length > 1 ? (
        <select
          class="field picker"
          aria-label={said.chooseAgent}
          value={chosen ?? agents[0]?.id ?? ""}
          onChange={(event) => void app.changeMe({ agent: event.currentTarget.value })}
        >
          {agents.map(({ id, description }) => (
            <option key={id} value={id} title={description}>
              {id}
            </option>
          ))}
        </select>
      ) : (
        <span class="badge">{agents[0]?.id}</span>
      )}
    </div>
  );
}

function NewTalk({ app }: { app: ChatApp }) {
  const said = texts();
  const begun = useStore(app.outbox.entries, (value) => value).filter(({ session }) => session === null);
  const newcomers = useStore(app.view, (value) => value.newcomers);
  const composer = useRef<ComposerHandle>(null);
  return (
    <>
      <div class="welcome">
        {begun.length === 0 ? (
          <p class="welcome-words">{said.welcome}</p>
        ) : (
          <div class="column">
            {begun.map((entry) => (
              <SendingView
                key={entry.key}
                sending={entry}
                session={entry.session}
                retry={() => app.outbox.retry(entry.key)}
                discard={() => app.outbox.drop(entry.key)}
                edit={() => {
                  composer.current?.putBack(entry.text, []);
                  app.outbox.drop(entry.key);
                }}
              />
            ))}
          </div>
        )}
      </div>
      <Composer
        key={newcomers}
        talk="new"
        busy={false}
        closed={begun.length > 0}
        session={() => app.beginTalk()}
        send={(text, files) => app.send(text, files)}
        explain={(error) => app.explain(error)}
        stop={() => {}}
        handle={composer}
      />
    </>
  );
}

function TalkBody({ app, talk }: { app: ChatApp; talk: OpenTalk }) {
  const said = texts();
  const view = useStore(talk.view, (value) => value);
  const composer = useRef<ComposerHandle>(null);
  const busy = isBusy(view.talk);

  // Pressed twice, it would give back twice what waits.
  const stopping = useRef(false);
  const stop = () => {
    composer.current?.focus();
    if (stopping.current) return;
    stopping.current = true;
    const done = talk.stopAnswer().then(
      ({ text, files }) => composer.current?.putBack(text, files),
      (error: unknown) => showToast(app.explain(error)),
    );
    void done.finally(() => (stopping.current = false));
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && busy && !event.defaultPrevented && !document.querySelector("dialog, .menu")) stop();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [busy]);

  if (view.load === "missing" || view.load === "failed") {
    return (
      <div class="welcome">
        <p>{view.load === "missing" ? said.missing : view.problem || said.loadFailed}</p>
        {view.load === "failed" && (
          <button type="button" class="button" onClick={() => void talk.open()}>
            <Icon name="again" />
            {said.retry}
          </button>
        )}
      </div>
    );
  }
  return (
    <>
      {view.load === "ready" ? (
        <Transcript app={app} talk={talk} putBack={(text, files) => composer.current?.putBack(text, files)} />
      ) : (
        <div class="transcript" />
      )}
      {view.feed === "offline" && (
        <p class="offline" role="status">
          {said.offline}
        </p>
      )}
      <Composer
        talk={talk.id}
        busy={busy}
        session={async () => talk.id}
        send={(text, files) => app.send(text, files)}
        explain={(error) => app.explain(error)}
        stop={stop}
        handle={composer}
      />
    </>
  );
}
