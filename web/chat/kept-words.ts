const KEY = "parley.user";
const WORDS = /^parley\.(outbox|draft)\./;

/**
 * What was written and not sent is for whoever wrote it: as soon as it is known who is here, what somebody else left in
 * this browser is forgotten, however they went away. True = somebody else was here.
 */
export function keepWordsOf(user: string): boolean {
  let isNewcomer = false;
  for (const storage of [localStorage, sessionStorage]) {
    const before = storage.getItem(KEY);
    if (before === user) continue;
    // Null = a new window or browser: what is there was written just now.
    if (before !== null) {
      isNewcomer = true;
      forgetWords(storage);
    }
    try {
      storage.setItem(KEY, user);
    } catch {
      // In a browser without room they are forgotten at the next look, too.
    }
  }
  return isNewcomer;
}

/** After signing out: whoever comes next is somebody else, in every window of this browser. */
export function forgetUser(): void {
  for (const storage of [localStorage, sessionStorage]) forgetWords(storage);
  // Nobody, and not nothing: what another window still writes down is not for whoever comes next.
  localStorage.setItem(KEY, "");
}

/** When `user` has signed in: whoever else was here is gone, in every window. */
export function forgetOthers(user: string): void {
  if (localStorage.getItem(KEY) !== user) forgetUser();
}

/** Tells when another window of this browser was signed in, as `user`, or out: "". Returns how to hear no more of it. */
export function followUser(tell: (user: string) => void): () => void {
  const listen = ({ key, newValue }: StorageEvent) => void (key === KEY && newValue !== null && tell(newValue));
  addEventListener("storage", listen);
  return () => removeEventListener("storage", listen);
}

/** Also those that other windows left. */
function forgetWords(storage: Storage): void {
  for (const name of Object.keys(storage)) if (WORDS.test(name)) storage.removeItem(name);
}

/** What was written at a place of the page and not sent; null = nothing. */
export function draftAt(place: string): string | null {
  return sessionStorage.getItem(`parley.draft.${place}`);
}

export function keepDraft(place: string, text: string | null): void {
  const name = `parley.draft.${place}`;
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {
    // A browser without room keeps it for as long as it is shown.
  }
}
