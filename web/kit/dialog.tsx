import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "./icons.tsx";

/** A window over the page: holds the focus, closes by Escape, its button and a press beside it. */
export function Dialog(props: {
  label: string;
  closeLabel: string;
  onClose: () => void;
  class?: string;
  children: ComponentChildren;
}) {
  const frame = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    frame.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={frame}
      class={`dialog ${props.class ?? ""}`}
      aria-label={props.label}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      // Browsers may close it without asking.
      onClose={() => props.onClose()}
      onClick={(event) => {
        if (event.target === frame.current) props.onClose();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2>{props.label}</h2>
          <IconButton icon="close" label={props.closeLabel} onClick={props.onClose} />
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
