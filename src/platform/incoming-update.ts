export type { ContextPart, FilePart } from "../agent/message.ts";
import type { ContextPart, FilePart } from "../agent/message.ts";
import type { AccountId } from "../ids.ts";

/** Someone on a platform. Only `id` is immutable and may decide access. */
export interface Sender {
  id: string;
  name: string;
  /** A guest, or from another organisation than the bot: let in only by name, even where access is open. */
  outsider?: true;
  /** Of their app, as the platform says it, for example `pt-br`. */
  language?: string;
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
      /**
       * Group places: was the bot mentioned, replied to or commanded? Always true in private. `where_known`: it was
       * not, but where a talk is open already nobody has to.
       */
      addressed: boolean | "where_known";
      /** When the person wrote it, ms since the epoch, by the platform's clock. */
      writtenAt: number;
      burst?: BurstHint;
      /** In private: the message of ours that it answers. */
      answers?: string;
      /** What came with it: whom it answers, quotes or forwards, at most a few. */
      context?: ContextPart[];
      /** Each with its `ref`. */
      files?: FilePart[];
    })
  /** A command for this bot: lower case, without slash or bot name. `ofChat`: about the chat's talk that was used last. */
  | (FromSender & {
      kind: "command";
      messageId: string;
      command: string;
      args: string;
      writtenAt: number;
      ofChat?: true;
    })
  /**
   * A button of ours was pressed; `value` is what was put into it, `answerAt` where its presser can be told something,
   * `formAt` where a form can be opened for them.
   */
  | (FromSender & { kind: "press"; messageId: string; value: string; answerAt?: string; formAt?: string })
  /** What was written into a form of ours; `value` is what was put into it. */
  | (FromSender & { kind: "reason"; value: string; text: string })
  /** Asked where the bot is not and cannot answer; `messageId` is where the asker alone can be told so. */
  | (FromSender & { kind: "elsewhere"; messageId: string })
  /** `addressed`: as it is now it speaks to the bot, as everything does in private. */
  | (FromSender & { kind: "edited"; messageId: string; text: string; addressed: boolean })
  /** Whoever wrote it took it back. */
  | (FromSender & { kind: "deleted"; messageId: string })
  /** `sameMessages`: what is there keeps its ids. */
  | (Envelope & { kind: "place_moved"; chat: string; newChat: string; sameMessages?: true })
  /** The bot was removed from, blocked in, or let back into a chat. */
  | (FromSender & { kind: "membership"; member: boolean })
  /** Reactions and other kinds nobody handles yet; they pass the same gate. */
  | (FromSender & { kind: "other"; what: string })
  | (Envelope & { kind: "ignored"; why: string })
  | (Envelope & { kind: "unreadable"; why: string });

export type UpdateKind = IncomingUpdate["kind"];
