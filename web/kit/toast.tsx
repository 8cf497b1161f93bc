import { useEffect, useState } from "preact/hooks";
import { Store, useStore } from "./store.ts";

interface Toast {
  id: number;
  text: string;
  action: Action | null;
}

/** What can be done about it; `missed`: the chance is over. One of both happens, once. */
interface Action {
  label: string;
  run: () => void;
  missed?: () => void;
}

const SHOWN_MS = 10_000;
const SHOWN = 3;
const toasts = new Store<readonly Toast[]>([]);
let count = 0;

/** Says something at the edge of the page for a while, perhaps with something to do about it. */
export function showToast(text: string, action: Action | null = null): void {
  for (const { id } of toasts.value.slice(0, 1 - SHOWN)) miss(id);
  toasts.set([...toasts.value, { id: ++count, text, action }]);
}

function take(id: number): Toast | undefined {
  const found = toasts.value.find((toast) => toast.id === id);
  toasts.set(toasts.value.filter((toast) => toast !== found));
  return found;
}

function miss(id: number): void {
  take(id)?.action?.missed?.();
}

/** Belongs on each page once. */
export function Toasts() {
  const shown = useStore(toasts, (value) => value);
  const hidden = useHidden();
  return (
    <div class="toasts" role="status">
      {shown.map((toast) => (
        <ShownToast key={toast.id} toast={toast} hidden={hidden} />
      ))}
    </div>
  );
}

/** Its time begins anew whenever nobody holds it any more: by pointing at it, by the focus, by looking elsewhere. */
function ShownToast({ toast: { id, text, action }, hidden }: { toast: Toast; hidden: boolean }) {
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const held = pointed || focused || hidden;
  useEffect(() => {
    const timer = held ? undefined : setTimeout(() => miss(id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held]);
  return (
    <div
      class="toast"
      onPointerEnter={() => setPointed(true)}
      onPointerLeave={() => setPointed(false)}
      onFocusIn={() => setFocused(true)}
      onFocusOut={() => setFocused(false)}
    >
      <span>{text}</span>
      {action && (
        <button type="button" class="toast-action" onClick={() => take(id)?.action?.run()}>
          {action.label}
        </button>
      )}
    </div>
  );
}

function useHidden(): boolean {
  const [hidden, setHidden] = useState(document.hidden);
  useEffect(() => {
    const look = () => setHidden(document.hidden);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return hidden;
}
