import { useEffect, useState } from "preact/hooks";

const SHOWN_MS = 6_000;
const told = new EventTarget();

/** Says that something was done, for eyes and for screen readers. */
export function tell(text: string): void {
  told.dispatchEvent(new CustomEvent("tell", { detail: text }));
}

/** Where it is said; there from the start, because readers announce only what changes. */
export function Told() {
  const [text, setText] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (event: Event) => {
      setText((event as CustomEvent<string>).detail);
      clearTimeout(timer);
      timer = setTimeout(() => setText(""), SHOWN_MS);
    };
    told.addEventListener("tell", show);
    return () => {
      told.removeEventListener("tell", show);
      clearTimeout(timer);
    };
  }, []);
  return (
    <div class="told" role="status" aria-live="polite">
      {text !== "" && <p>{text}</p>}
    </div>
  );
}
