import type { ContextPart, FilePart } from "../../src/agent/message.ts";
import type { BurstHint } from "../../src/platform/incoming-update.ts";

/** What a person writes. A text that starts with "/" becomes a command. `from` is the sender's id. */
export interface Said {
  chat: string;
  from: string;
  text: string;
  thread?: string;
  kind?: "private" | "group";
  /** Group places: unless given, true for commands only. */
  addressed?: boolean | "where_known";
  outsider?: true;
  /** For commands. */
  ofChat?: true;
  name?: string;
  key?: string;
  messageId?: string;
  writtenAt?: number;
  burst?: BurstHint;
  context?: ContextPart[];
  files?: FilePart[];
  answers?: string;
}
