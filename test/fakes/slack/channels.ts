import type { FakeUser, FakeTeam } from "./directory.ts";
import { shownText } from "./shown-text.ts";

export type ChannelType = "channel" | "group" | "im" | "mpim";
export type Json = Record<string, unknown>;

/** What a message looked like from `at` on. */
export interface Version {
  at: number;
  text: string;
  blocks: readonly Json[] | null;
  /** What people read: the blocks' content, or the text when there are none. */
  shown: string;
}

export interface FakeMessage {
  readonly ts: string;
  /** The root's ts; null iff it stands in the channel itself (a root's own `thread_ts` comes with its first reply). */
  readonly threadTs: string | null;
  readonly author: FakeUser;
  readonly subtype: string | null;
  readonly clientMsgId: string | null;
  /** "bot#n": the n-th message of the bot in this channel; 0 iff it is not the bot's. */
  readonly botNumber: number;
  /** Further fields of the JSON: files, app_context, root. */
  readonly extra: Json;
  text: string;
  blocks: readonly Json[] | null;
  attachments: readonly Json[] | null;
  metadata: Json | null;
  edited: { user: string; ts: string } | null;
  /** A reply that was also sent to the channel. */
  broadcast: boolean;
  versions: Version[];
  /** `shown` of the last version. */
  shown: string;
  deleted: boolean;
}

export type ChannelEvent =
  | { kind: "post"; message: FakeMessage }
  | { kind: "edit"; message: FakeMessage; shown: string }
  /** What a stream brings, or that it ends. */
  | { kind: "stream"; message: FakeMessage; shown: string }
  | { kind: "remove"; message: FakeMessage }
  /** Only `user` sees it. */
  | { kind: "ephemeral"; message: Ephemeral }
  | { kind: "note"; text: string };

/** A message that one person sees, until they reload. */
export interface Ephemeral {
  readonly ts: string;
  readonly threadTs: string | null;
  readonly user: FakeUser;
  readonly at: number;
  readonly text: string;
  readonly blocks: readonly Json[] | null;
  readonly shown: string;
}

export interface Draft {
  author: FakeUser;
  text: string;
  at: number;
  ts: string;
  threadTs?: string | null;
  blocks?: readonly Json[] | null;
  attachments?: readonly Json[] | null;
  metadata?: Json | null;
  subtype?: string | null;
  clientMsgId?: string | null;
  broadcast?: boolean;
  extra?: Json;
  fromApp?: boolean;
  /** What people read, where text and blocks do not say it. */
  shown?: string;
}

export interface Change {
  text: string;
  blocks: readonly Json[] | null;
  attachments: readonly Json[] | null;
  metadata: Json | null;
  edited: { user: string; ts: string } | null;
  shown?: string;
}

/** A conversation: public or private channel, direct message, group direct message. */
export class FakeChannel {
  /** Changes when Slack moves it (see `People.changeChannelId`). */
  id: string;
  readonly name: string;
  readonly type: ChannelType;
  readonly members: Set<FakeUser>;
  /** Other workspaces that share it (Slack Connect). */
  readonly sharedWith: Set<FakeTeam>;
  readonly messages = new Map<string, FakeMessage>();
  readonly events: ChannelEvent[] = [];
  readonly ephemerals: Ephemeral[] = [];
  /** Mentions of the bot from when it was not a member: told when it is let in. */
  readonly mentionsMissed: FakeMessage[] = [];
  archived = false;
  #posts = 0;

  constructor(id: string, options: { name: string; type: ChannelType; members: Iterable<FakeUser> }) {
    this.id = id;
    this.name = options.name;
    this.type = options.type;
    this.members = new Set(options.members);
    this.sharedWith = new Set();
  }

  get extShared(): boolean {
    return this.sharedWith.size > 0;
  }

  /** A message people can see now. */
  visible(ts: string): FakeMessage | undefined {
    const message = this.messages.get(ts);
    return message === undefined || message.deleted ? undefined : message;
  }

  repliesTo(rootTs: string): FakeMessage[] {
    return [...this.messages.values()].filter((message) => message.threadTs === rootTs && !message.deleted);
  }

  post(draft: Draft): FakeMessage {
    const blocks = draft.blocks ?? null;
    const shown = draft.shown ?? shownText(draft.text, blocks);
    const message: FakeMessage = {
      ts: draft.ts,
      threadTs: draft.threadTs ?? null,
      author: draft.author,
      subtype: draft.subtype ?? null,
      clientMsgId: draft.clientMsgId ?? null,
      botNumber: draft.fromApp === true ? ++this.#posts : 0,
      extra: draft.extra ?? {},
      text: draft.text,
      blocks,
      attachments: draft.attachments ?? null,
      metadata: draft.metadata ?? null,
      edited: null,
      broadcast: draft.broadcast ?? false,
      versions: [{ at: draft.at, text: draft.text, blocks, shown }],
      shown,
      deleted: false,
    };
    this.messages.set(message.ts, message);
    this.events.push({ kind: "post", message });
    return message;
  }

  edit(message: FakeMessage, at: number, change: Change): void {
    const shown = change.shown ?? shownText(change.text, change.blocks);
    Object.assign(message, change, { shown });
    message.versions.push({ at, text: change.text, blocks: change.blocks, shown });
    this.events.push({ kind: "edit", message, shown });
  }

  remove(message: FakeMessage): void {
    message.deleted = true;
    this.events.push({ kind: "remove", message });
  }

  showTo(user: FakeUser, what: Omit<Ephemeral, "user" | "shown">): Ephemeral {
    const { ts, threadTs, at, text, blocks } = what;
    const message = { ts, threadTs, at, text, blocks, user, shown: shownText(text, blocks) };
    this.ephemerals.push(message);
    this.events.push({ kind: "ephemeral", message });
    return message;
  }

  note(text: string): void {
    this.events.push({ kind: "note", text });
  }
}
