import type { AccountId } from "../ids.ts";

/** Someone on a platform. Only `id` is immutable and may decide access. */
export interface Sender {
  id: string;
  name: string;
}

/** A chat or thread, as the platform names it. `group`: several people; answers only when addressed. */
export interface IncomingPlace {
  kind: "private" | "group";
  chat: string;
  thread: string;
  title: string;
}

interface Envelope {
  account: AccountId;
  /** Unique per account; the inbox drops repeats of it. */
  key: string;
}

interface FromSender extends Envelope {
  place: IncomingPlace;
  sender: Sender;
}

/** Why a message may be part of a burst, hence worth a short wait (DESIGN §5.2). */
export type BurstHint = "album" | "long" | "forward";

/**
 * What a platform tells us, in our words. Produced by an adapter's pure reader; everything an adapter does not
 * understand is `ignored` (counted) or `unreadable` (stored as failed, so that it never blocks a batch).
 */
export type IncomingUpdate =
  | (FromSender & {
      kind: "message";
      /** The platform's id of the message, for replies and edits. */
      messageId: string;
      text: string;
      /** Group places: was the bot mentioned, replied to or commanded? Always true in private. */
      addressed: boolean;
      /** When the person wrote it, ms since the epoch, by the platform's clock. */
      writtenAt: number;
      burst?: BurstHint;
    })
  /** A command for this bot: lower case, without slash or bot name. */
  | (FromSender & { kind: "command"; messageId: string; command: string; args: string; writtenAt: number })
  | (FromSender & { kind: "edited"; messageId: string; text: string })
  /** `sameMessages`: what is there keeps its ids. */
  | (Envelope & { kind: "place_moved"; chat: string; newChat: string; sameMessages?: true })
  /** The bot was removed from, blocked in, or let back into a chat. */
  | (FromSender & { kind: "membership"; member: boolean })
  /** Buttons, reactions and other kinds nobody handles yet; they pass the same gate. */
  | (FromSender & { kind: "other"; what: string })
  | (Envelope & { kind: "ignored"; why: string })
  | (Envelope & { kind: "unreadable"; why: string });

export type UpdateKind = IncomingUpdate["kind"];
