import { Store, useStore } from "./store.ts";

interface Toast {
  id: number;
  text: string;
  action: { label: string; run: () => void } | null;
}

const SHOWN_MS = 10_000;
const toasts = new Store<readonly Toast[]>([]);
let count = 0;

/** Says something at the edge of the page for a while, perhaps with something to do about it. */
export function showToast(text: string, action: Toast["action"] = null): void {
  const id = ++count;
  toasts.set([...toasts.value.slice(-2), { id, text, action }]);
  setTimeout(() => hide(id), SHOWN_MS);
}

function hide(id: number): void {
  toasts.set(toasts.value.filter((toast) => toast.id !== id));
}

/** Belongs on each page once. */
export function Toasts() {
  const shown = useStore(toasts, (value) => value);
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, text, action }) => (
        <div class="toast" key={id}>
          <span>{text}</span>
          {action && (
            <button
              type="button"
              class="toast-action"
              onClick={() => {
                hide(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
