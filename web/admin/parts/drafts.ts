/** What was written and is not saved. It stays while the window does, whatever page of the dashboard is open. */
export interface Draft {
  /** Whose text it changes, for people. */
  name: string;
  text: string;
  note: string;
  /** Of what it was written over. */
  etag: string;
}

const drafts = new Map<string, Draft>();

export function draftOf(address: string): Draft | undefined {
  return drafts.get(address);
}

/** Null = it is saved, or not wanted. */
export function keepDraft(address: string, draft: Draft | null): void {
  if (draft) drafts.set(address, draft);
  else drafts.delete(address);
  if (drafts.size > 0) addEventListener("beforeunload", askFirst);
  else removeEventListener("beforeunload", askFirst);
}

export function unsavedNames(): string[] {
  return [...drafts.values()].map(({ name }) => name);
}

export function forgetDrafts(): void {
  for (const address of drafts.keys()) keepDraft(address, null);
}

/** The browser asks whether the window may go, in its own words. */
function askFirst(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
