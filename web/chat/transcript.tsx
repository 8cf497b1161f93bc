import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../kit/icons.tsx";
import { nameOfDay } from "../kit/relative-time.ts";
import { shownName } from "../kit/shown-name.ts";
import { showToast } from "../kit/toast.tsx";
import { useStore } from "../kit/store.ts";
import { type ListHandle, VirtualList } from "../kit/virtual-list.tsx";
import { texts } from "../texts/texts.ts";
import { copyFiles, filesOf } from "./attachments.ts";
import { AnswerView } from "./answer-view.tsx";
import { type Branches, makeBranch, readBranches, versionsAt } from "./branches.ts";
import type { ChatApp } from "./chat-app.ts";
import { LargePicture } from "./file-view.tsx";
import type { OpenTalk } from "./open-talk.ts";
import { settings } from "./settings.ts";
import { isBusy } from "./talk.ts";
import { type Row, rowsOf } from "./talk-rows.ts";
import { SendingView, UserView } from "./user-view.tsx";
import type { SentFile, WireMessage } from "./wire.ts";

/** Before it was drawn: a line of about 70 characters, and what stands around it. */
const LINE = 24;
const AROUND = 90;

export function Transcript(props: {
  app: ChatApp;
  talk: OpenTalk;
  /** To where people write. */
  putBack: (text: string, files: readonly SentFile[]) => void;
}) {
  const { app, talk, putBack } = props;
  const view = useStore(talk.view, (value) => value);
  const language = useStore(app.view, (value) => value.language);
  const role = useStore(app.view, (value) => value.me?.role ?? null);
  const entries = useStore(app.outbox.entries, (value) => value);
  const streaming = useStore(settings, (value) => value.streaming);
  const [branches, setBranches] = useState<Branches | null>(null);
  const [atEnd, setAtEnd] = useState(true);
  const list = useRef<ListHandle>(null);
  const said = texts();
  const { session } = view;

  useEffect(() => {
    let current = true;
    if (session) void readBranches(session).then((found) => current && setBranches(found));
    return () => {
      current = false;
    };
  }, [session?.session_id]);

  const sending = entries.filter((entry) => entry.session === talk.id);
  const rows = rowsOf(view.talk, sending);
  const busy = isBusy(view.talk);

  // Whoever says something wants to see what comes of it.
  useEffect(() => {
    if (sending.length > 0) list.current?.toEnd();
  }, [sending.length]);

  // Pressed twice, it would be two versions.
  const branching = useRef(false);
  /** Whether it was sent. */
  const branchOff = async (at: number, text: string, asked: readonly WireMessage[]): Promise<boolean> => {
    if (!session || branching.current) return false;
    branching.current = true;
    try {
      const fill = async (to: string) => copyFiles(talk.id, to, filesOf(asked));
      const { id, filled } = await makeBranch(session, at, fill);
      app.outbox.send(id, null, text, filled.files);
      for (const name of filled.lost) showToast(said.fileLost.replace("{name}", () => shownName(name)));
      // Nobody is taken away from what they have opened meanwhile.
      if (app.view.value.talk === talk) app.openTalk(id);
      return true;
    } catch (error) {
      showToast(app.explain(error));
      return false;
    } finally {
      branching.current = false;
    }
  };
  const again = (runId: string) => {
    const asked = view.talk.messages.filter(({ run_id: run, role: by }) => run === runId && by === "user");
    const at = asked[0]?.seq;
    if (at != null) void branchOff(at - 1, asked.map(({ text }) => text).join("\n\n"), asked);
  };
  const draw = (row: Row) => {
    switch (row.kind) {
      case "day":
        return <div class="day">{nameOfDay(row.day, said, language)}</div>;
      case "user":
        return (
          <UserView
            message={row.message}
            waiting={row.state === "waiting"}
            session={talk.id}
            versions={versionsOf(branches, talk.id, row.message)}
            choose={(id) => app.openTalk(id)}
            edit={
              row.message.seq === null ? null : async (text) => branchOff(row.message.seq! - 1, text, [row.message])
            }
          />
        );
      case "sending":
        return (
          <SendingView
            sending={row.sending}
            session={talk.id}
            retry={() => app.outbox.retry(row.key)}
            discard={() => app.outbox.drop(row.key)}
            edit={() => {
              putBack(row.sending.text, row.sending.files);
              app.outbox.drop(row.key);
            }}
          />
        );
      case "answer":
        return (
          <AnswerView
            row={row}
            session={talk.id}
            streaming={streaming}
            vote={view.votes[row.runId] ?? null}
            canTrace={role !== null}
            decide={async (approval, decision) => {
              await talk.decide(approval, decision).catch((error: unknown) => showToast(app.explain(error)));
            }}
            rate={(runId, vote) => {
              talk.rate(runId, vote).then(
                () => vote.comment !== "" && showToast(said.thanks),
                (error: unknown) => showToast(app.explain(error)),
              );
            }}
            again={again}
          />
        );
      case "soon":
        return (
          <div class="working">
            <span class="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            <span class="for-readers">{said.thinking}</span>
          </div>
        );
      default:
        return row satisfies never;
    }
  };

  return (
    <div class="transcript">
      <VirtualList
        class="log"
        role="log"
        label={said.messages}
        busy={busy}
        rows={rows}
        keyOf={(row) => row.key}
        guess={guessHeight}
        draw={draw}
        stays={(row) => row.kind !== "day"}
        fromEnd
        handle={list}
        nearStart={() => void talk.loadOlder()}
        onAtEnd={setAtEnd}
      />
      {!atEnd && (
        <button type="button" class="button to-end" onClick={() => list.current?.toEnd()}>
          <Icon name="below" />
          {said.toEnd}
        </button>
      )}
      <LargePicture />
      <Announcer rows={rows} fresh={talk.fresh} />
    </div>
  );
}

/**
 * Says an answer to those who listen, once it is whole: words that come one by one would be noise. `fresh`: the talk was
 * begun here, so that nothing in it is old.
 */
function Announcer({ rows, fresh }: { rows: readonly Row[]; fresh: boolean }) {
  const told = useRef<Set<string> | null>(fresh ? new Set() : null);
  const [text, setText] = useState("");
  const answers = rows.slice(-20).filter((row) => row.kind === "answer");
  const whole = answers.filter(({ live }) => !live);
  const state = answers.map(({ key, live }) => `${key}${live ? "+" : ""}`).join(" ");
  useEffect(() => {
    const news = told.current === null ? [] : whole.filter(({ key }) => !told.current!.has(key));
    told.current = new Set([...(told.current ?? []), ...whole.map(({ key }) => key)]);
    const said = news.flatMap(({ blocks }) => blocks.flatMap((block) => (block.kind === "text" ? [block.text] : [])));
    if (said.length > 0) setText(texts().answerDone.replace("{text}", said.join("\n").slice(0, 2_000)));
  }, [state]);
  return (
    <div class="for-readers" role="status">
      {text}
    </div>
  );
}

function versionsOf(branches: Branches | null, session: string, { seq }: WireMessage) {
  if (!branches || seq === null) return null;
  const versions = versionsAt(branches, session, seq - 1);
  return versions.ids.length > 1 ? versions : null;
}

function guessHeight(row: Row): number {
  if (row.kind === "day") return 40;
  if (row.kind === "user") return AROUND + LINE * Math.ceil(row.message.text.length / 60);
  if (row.kind !== "answer") return AROUND;
  const lines = row.blocks.map((block) => (block.kind === "text" ? Math.ceil(block.text.length / 70) + 1 : 3));
  return AROUND + LINE * lines.reduce((sum, count) => sum + count, 0);
}
