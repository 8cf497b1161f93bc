import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiProblem } from "../../kit/api.ts";
import { asProblem, wordsOf } from "./load.ts";

/** A window above the page; the browser keeps the focus in it, closes it by Escape and gives the focus back. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      // What it was opened by may be gone with its row.
      const back = opener?.isConnected ? opener : document.querySelector("h1");
      if (back instanceof HTMLElement) back.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-label={title} onClose={close}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

/** Asks before something is done, does it, and says what went wrong. */
export function ActDialog({
  title,
  doIt,
  danger = false,
  typed,
  act,
  done,
  close,
  children,
}: {
  title: string;
  /** Words of the button that does it. */
  doIt: string;
  danger?: boolean;
  /** What has to be typed before it can be done. */
  typed?: string;
  act: () => Promise<unknown>;
  done?: () => void;
  close: () => void;
  children?: ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [text, setText] = useState("");
  const ready = typed === undefined || text.trim() === typed;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await act();
      close();
      done?.();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={(event) => void submit(event)}>
        {children}
        {typed !== undefined && (
          <label class="stack">
            <span>
              Type{" "}
              <strong>
                <bdi>{typed}</bdi>
              </strong>{" "}
              to confirm
            </span>
            <input
              class="field"
              value={text}
              autocomplete="off"
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
        )}
        {problem && (
          <p class="trouble" role="alert">
            {wordsOf(problem)}
          </p>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={`button ${danger ? "danger" : "primary"}`} disabled={!ready || busy}>
            {busy ? "One moment…" : doIt}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
