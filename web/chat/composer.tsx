import { type Ref } from "preact";
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../kit/icons.tsx";
import { useStore } from "../kit/store.ts";
import { texts } from "../texts/texts.ts";
import { settings } from "./settings.ts";

export interface ComposerHandle {
  focus: () => void;
  /** Puts back what was taken back, unless something else is being written. */
  putBack: (text: string) => void;
}

const MAX_HEIGHT = 240;

/** Where people write. Keeps the focus, and what is not sent yet, for each talk. */
export function Composer(props: {
  talk: string;
  busy: boolean;
  /** Nothing can be sent just now. */
  closed?: boolean;
  send: (text: string) => void;
  stop: () => void;
  handle: Ref<ComposerHandle>;
}) {
  const { talk, busy, closed = false, send, stop } = props;
  const said = texts();
  const draftKey = `parley.draft.${talk}`;
  const sendKey = useStore(settings, (value) => value.sendKey);
  const [text, setText] = useState(sessionStorage.getItem(draftKey) ?? "");
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    setText(sessionStorage.getItem(draftKey) ?? "");
    // Where it opens a keyboard over half of the screen, people ask for it themselves.
    if (matchMedia("(hover: hover)").matches) field.current?.focus();
  }, [draftKey]);

  useEffect(() => {
    if (text === "") sessionStorage.removeItem(draftKey);
    else sessionStorage.setItem(draftKey, text);
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
      putBack: (back) => setText((now) => (now.trim() === "" ? back : now)),
    }),
    [],
  );

  const submit = () => {
    if (closed || text.trim() === "") return;
    send(text.trim());
    setText("");
    field.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        aria-label={said.message}
        placeholder={said.write}
        value={text}
        enterkeyhint={sendKey === "enter" ? "send" : "enter"}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          const wanted = sendKey === "enter" ? !event.shiftKey : event.ctrlKey || event.metaKey;
          if (event.key !== "Enter" || event.isComposing || !wanted) return;
          event.preventDefault();
          submit();
        }}
      />
      {busy && (
        <button type="button" class="button round" aria-label={said.stop} title={said.stop} onClick={stop}>
          <Icon name="stop" />
        </button>
      )}
      <button
        type="submit"
        class="button primary round"
        aria-label={said.send}
        title={said.send}
        disabled={closed || text.trim() === ""}
      >
        <Icon name="send" />
      </button>
    </form>
  );
}
