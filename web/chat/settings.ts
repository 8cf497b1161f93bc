import { Store } from "../kit/store.ts";

/** What this browser remembers. What the gateway has to know stands in the person's account: `PATCH /v1/me`. */
export interface PageSettings {
  sendKey: "enter" | "mod-enter";
  /** Answers grow on the page while they are written. */
  streaming: boolean;
}

const KEY = "parley.settings";
const DEFAULTS: PageSettings = { sendKey: "enter", streaming: true };

export const settings = new Store<PageSettings>({ ...DEFAULTS, ...read() });

export function changeSettings(change: Partial<PageSettings>): void {
  settings.change(change);
  localStorage.setItem(KEY, JSON.stringify(settings.value));
}

function read(): Partial<PageSettings> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<PageSettings>;
  } catch {
    return {};
  }
}

/** Whether a key sends what is written, by the person's choice; one that ends the spelling of a word never does. */
export function isSendKey(event: KeyboardEvent, sendKey: PageSettings["sendKey"]): boolean {
  if (event.key !== "Enter" || event.isComposing) return false;
  return sendKey === "enter" ? !event.shiftKey : event.ctrlKey || event.metaKey;
}
