import type { RunTarget } from "./schema.ts";

/** A chat that is told of a link, and in which language. */
export interface LinkChat {
  target: RunTarget;
  language: string;
}

/** Where an identity was linked: its own chat, and that of the identity it was linked with. */
export interface LinkChats {
  here: LinkChat;
  there: LinkChat;
  /** Whose chat `there` is. */
  with: { platform: string; externalId: string };
}
