import { type Ref } from "preact";
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, IconButton } from "../kit/icons.tsx";
import { useStore } from "../kit/store.ts";
import { texts } from "../texts/texts.ts";
import { AttachmentChips } from "./attachment-chips.tsx";
import { attachmentsOf } from "./attachments.ts";
import { draftAt, keepDraft } from "./kept-words.ts";
import { isSendKey, settings } from "./settings.ts";
import type { SentFile } from "./wire.ts";

export interface ComposerHandle {
  focus: () => void;
  /** Puts what was not sent, or was taken back, before what is being written. */
  putBack: (text: string, files: readonly SentFile[]) => void;
}

const MAX_HEIGHT = 240;

/** Where people write. Keeps the focus, and what is not sent yet, for each talk: each has a composer of its own. */
export function Composer(props: {
  talk: string;
  busy: boolean;
  /** Nothing can be sent just now. */
  closed?: boolean;
  /** Where its files go; may have to be made, and throws if that fails. */
  session: () => Promise<string>;
  send: (text: string, files: SentFile[]) => void;
  explain: (error: unknown) => string;
  stop: () => void;
  handle: Ref<ComposerHandle>;
}) {
  const { talk, busy, closed = false, session, send, explain, stop } = props;
  const said = texts();
  const sendKey = useStore(settings, (value) => value.sendKey);
  const [text, setText] = useState(draftAt(talk) ?? "");
  const field = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const files = attachmentsOf(talk);
  const attached = useStore(files.list, (value) => value);
  const [uploading, setUploading] = useState(false);
  /** How many times files are coming back: what they belong to does not go without them. */
  const [coming, setComing] = useState(0);
  const [problem, setProblem] = useState("");
  const empty = text.trim() === "" && attached.length === 0;
  const unready = closed || uploading || coming > 0 || empty;

  useEffect(() => {
    // Where it opens a keyboard over half of the screen, people ask for it themselves.
    if (matchMedia("(hover: hover)").matches) field.current?.focus();
  }, []);

  useEffect(() => {
    keepDraft(talk, text === "" ? null : text);
  }, [text]);

  useLayoutEffect(() => {
    const element = field.current!;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, MAX_HEIGHT)}px`;
  }, [text]);

  useImperativeHandle(
    props.handle,
    () => ({
      focus: () => field.current?.focus(),
      putBack: (back, sent) => {
        setText((now) => [back, now].filter((words) => words.trim() !== "").join("\n\n"));
        setComing((count) => count + 1);
        const came = files.bringBack(talk, sent).then(setProblem);
        void came.finally(() => setComing((count) => count - 1));
        field.current?.focus();
      },
    }),
    [talk, files],
  );

  const attach = (added: Iterable<File>) => {
    if (uploading) return;
    setProblem(files.add(added));
    field.current?.focus();
  };
  const drops = useDrops(attach);

  // Whoever leaves has not said it: words and files wait here.
  useEffect(() => () => files.abort(), [files]);

  const submit = () => {
    if (unready) return;
    if (attached.length > 0) void submitFiles();
    else {
      send(text.trim(), []);
      setText("");
      field.current?.focus();
    }
  };
  const submitFiles = async () => {
    setUploading(true);
    setProblem("");
    try {
      const sent = await files.upload(await session());
      if (sent === null) return;
      files.clear();
      setText("");
      // The message may open another talk, and with it another one of these.
      keepDraft(talk, null);
      send(text.trim(), sent);
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setUploading(false);
      field.current?.focus();
    }
  };

  return (
    <form
      class={`composer${drops ? " drops" : ""}`}
      aria-busy={uploading}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <AttachmentChips
        list={attached}
        sending={uploading}
        remove={(key) => (files.remove(key), field.current?.focus())}
      />
      {(problem !== "" || drops) && (
        <p class={problem === "" || drops ? "composer-note" : "composer-note failed"} role={drops ? "status" : "alert"}>
          {drops ? said.dropFiles : problem}
        </p>
      )}
      <input
        ref={chooser}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          attach(currentTarget.files ?? []);
          currentTarget.value = "";
        }}
      />
      <IconButton
        icon="clip"
        class="round"
        label={said.attach}
        disabled={uploading}
        onClick={() => chooser.current?.click()}
      />
      <textarea
        ref={field}
        readOnly={uploading}
        onPaste={(event) => {
          const given = event.clipboardData;
          // Words with a picture of them are words.
          if (!given || given.files.length === 0 || given.getData("text/plain") !== "") return;
          event.preventDefault();
          attach(given.files);
        }}
        rows={1}
        aria-label={said.message}
        placeholder={said.write}
        value={text}
        enterkeyhint={sendKey === "enter" ? "send" : "enter"}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (!isSendKey(event, sendKey)) return;
          event.preventDefault();
          submit();
        }}
      />
      {busy && (
        <button type="button" class="button round" aria-label={said.stop} title={said.stop} onClick={stop}>
          <Icon name="stop" />
        </button>
      )}
      <button type="submit" class="button primary round" aria-label={said.send} title={said.send} disabled={unready}>
        <Icon name="send" />
      </button>
    </form>
  );
}

/** Files may be dropped anywhere: beside the field, the browser would leave for them. True = some are above the page. */
function useDrops(take: (files: Iterable<File>) => void): boolean {
  const [above, setAbove] = useState(false);
  const taking = useRef(take);
  taking.current = take;
  useEffect(() => {
    const onDrag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      const over = event.type === "dragover";
      if (over || event.type === "drop" || event.relatedTarget === null) setAbove(over);
      if (event.type === "drop") taking.current(event.dataTransfer.files);
    };
    for (const type of ["dragover", "dragleave", "drop"] as const) addEventListener(type, onDrag);
    return () => {
      for (const type of ["dragover", "dragleave", "drop"] as const) removeEventListener(type, onDrag);
    };
  }, []);
  return above;
}
