import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "../kit/icons.tsx";
import { shownName } from "../kit/shown-name.ts";
import { useStore } from "../kit/store.ts";
import { texts } from "../texts/texts.ts";
import type { Versions } from "./branches.ts";
import { draftAt, keepDraft } from "./kept-words.ts";
import { FileView } from "./file-view.tsx";
import { CopyButton } from "./markdown-view.tsx";
import { isSendKey, settings } from "./settings.ts";
import type { Sending } from "./talk-rows.ts";
import type { WireMessage } from "./wire.ts";

/** What a person wrote: as it was written, for it is nobody's Markdown. */
export function UserView(props: {
  message: WireMessage;
  waiting: boolean;
  session: string;
  /** Null = there is one version alone. */
  versions: Versions | null;
  choose: (session: string) => void;
  /** Resolves with whether it was sent. Null = it cannot be edited now. */
  edit: ((text: string) => Promise<boolean>) | null;
}) {
  const { message, waiting, session, versions, choose, edit } = props;
  const said = texts();
  const place = `edit.${message.message_id}`;
  // It leaves the document while the reader is elsewhere.
  const [editing, setEditing] = useState<"begun" | "kept" | null>(draftAt(place) === null ? null : "kept");
  const article = useRef<HTMLElement>(null);
  const edited = useRef(false);
  // What had the focus is gone: it goes on from where the edit was begun.
  useEffect(() => {
    if (editing === null && edited.current && document.activeElement === document.body) {
      article.current?.querySelector<HTMLElement>(".edit-own")?.focus();
    }
    edited.current = editing !== null;
  }, [editing]);
  const leave = () => {
    keepDraft(place, null);
    setEditing(null);
  };
  if (editing !== null && edit) {
    const save = async (text: string) => {
      if (await edit(text)) keepDraft(place, null);
    };
    return (
      <EditForm
        place={place}
        text={message.text}
        focused={editing === "begun"}
        cancel={leave}
        save={(text) => void save(text)}
      />
    );
  }
  const files = message.parts.filter(({ type }) => type === "file");
  return (
    <article ref={article} class={`own${waiting ? " pale" : ""}`} aria-label={message.author?.name ?? said.you}>
      {message.author && <div class="author">{message.author.name}</div>}
      {message.text !== "" && <div class="bubble">{message.text}</div>}
      {files.map(({ file, name = said.file, size, media_type: mediaType }, index) =>
        file === undefined ? (
          <span class="file" key={index}>
            {shownName(name)}
          </span>
        ) : (
          <FileView key={index} {...{ session, file, name, size, mediaType }} />
        ),
      )}
      {waiting ? (
        <div class="receipt">{said.waits}</div>
      ) : (
        <div class="bar">
          {versions && <VersionPicker versions={versions} choose={choose} />}
          <CopyButton text={message.text} />
          {edit && (
            <IconButton icon="edit" class="small edit-own" label={said.edit} onClick={() => setEditing("begun")} />
          )}
        </div>
      )}
    </article>
  );
}

function VersionPicker({ versions, choose }: { versions: Versions; choose: (session: string) => void }) {
  const said = texts();
  const { ids, shown } = versions;
  const label = said.branch.replace("{n}", String(shown + 1)).replace("{of}", String(ids.length));
  return (
    <span class="versions" role="group" aria-label={label}>
      <IconButton
        icon="left"
        class="small"
        label={said.previousVersion}
        disabled={shown === 0}
        onClick={() => choose(ids[shown - 1]!)}
      />
      <span aria-hidden="true">
        {shown + 1}/{ids.length}
      </span>
      <IconButton
        icon="right"
        class="small"
        label={said.nextVersion}
        disabled={shown === ids.length - 1}
        onClick={() => choose(ids[shown + 1]!)}
      />
    </span>
  );
}

function EditForm(props: {
  place: string;
  text: string;
  focused: boolean;
  cancel: () => void;
  save: (text: string) => void;
}) {
  const said = texts();
  const sendKey = useStore(settings, (value) => value.sendKey);
  const [text, setText] = useState(draftAt(props.place) ?? props.text);
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (props.focused) field.current?.focus();
  }, []);
  const save = () => {
    if (text.trim() !== "" || props.text === "") props.save(text);
  };
  return (
    <form
      class="own editing"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.isComposing) return;
        // An answer goes on.
        event.preventDefault();
        props.cancel();
      }}
    >
      <textarea
        ref={field}
        class="field"
        aria-label={said.edit}
        rows={Math.min(10, text.split("\n").length + 1)}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          keepDraft(props.place, event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (!isSendKey(event, sendKey)) return;
          event.preventDefault();
          save();
        }}
      />
      <div class="ask-buttons">
        <button type="button" class="button" onClick={props.cancel}>
          {said.cancel}
        </button>
        <button type="submit" class="button primary">
          {said.send}
        </button>
      </div>
    </form>
  );
}

export function SendingView(props: {
  sending: Sending;
  /** Null = it is made with it. */
  session: string | null;
  retry: () => void;
  discard: () => void;
  /** It goes back to where it was written. */
  edit: () => void;
}) {
  const { sending, session, retry, discard, edit } = props;
  const said = texts();
  return (
    <article class="own pale" aria-label={said.you}>
      {sending.text !== "" && <div class="bubble">{sending.text}</div>}
      {session !== null &&
        sending.files.map(({ file, name, size, media_type: mediaType }) => (
          <FileView key={file} {...{ session, file, name, size, mediaType }} />
        ))}
      {sending.refused === null ? (
        <div class="receipt">{sending.late ? said.notSent : said.sending}</div>
      ) : (
        <div class="trouble">
          <p>
            {said.refused}: {sending.refused}
          </p>
          <button type="button" class="button" onClick={retry}>
            {said.retry}
          </button>
          <button type="button" class="button" onClick={edit}>
            {said.edit}
          </button>
          <button type="button" class="button" onClick={discard}>
            {said.discard}
          </button>
        </div>
      )}
    </article>
  );
}
