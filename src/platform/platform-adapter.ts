import type { AccountId } from "../ids.ts";
import type { IncomingUpdate, Sender } from "./incoming-update.ts";
import type { ReplyTarget } from "./reply-target.ts";

export type Platform = "telegram" | "slack" | "web" | "api";

/** One bot message's content. `rich` is the adapter's own JSON for formatting; `text` is what is seen without it. */
export interface RenderedPage {
  text: string;
  rich?: unknown;
}

/** A message of ours, known to be on the platform. */
export interface SentMessage {
  account: AccountId;
  chat: string;
  messageId: string;
}

/** `append`: an edit of a message that streams, see `nativeStream`. */
export type CallKind = "post" | "edit" | "append" | "remove" | "typing";

/** `burst` calls at once and one more every `refillMs`, of which drafts and typing leave `reserve` to what matters more. */
export interface CallLimit {
  refillMs: number;
  burst: number;
  reserve: number;
  /** The calls that are counted here, together; every one unless given. */
  calls?: readonly CallKind[];
}

/** How often a platform may be called. */
export interface EditBudget {
  /** For a chat of this kind, which its topics share; `draftEveryMs`: least time between two drafts at one place. */
  chat(kind: "private" | "group"): CallLimit & { draftEveryMs: number };
  /** For the account, all replicas together: a call is counted in the first of them that is for its kind. */
  account: readonly CallLimit[];
}

/** `name` is for people; no platform and no disk takes it for a path. */
export interface OutgoingFile {
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** A tool that a run has called. `about`: what it is called for, any text; "" = unknown. */
export interface Task {
  id: string;
  title: string;
  about: string;
  state: "running" | "done" | "failed";
}

/** A button: a press brings `value` back, at most 64 ASCII characters. */
export interface Choice {
  value: string;
  label: string;
}

/** The two buttons under an answer; their labels are words, for those who cannot see a thumb. */
export interface Thumbs {
  up: Choice;
  down: Choice;
  /** The one that stands for what was said so far. */
  chosen: "up" | "down" | null;
}

/** Asks one person for a few words. What they write comes back with `value`. */
export interface ReasonForm {
  value: string;
  title: string;
  label: string;
  send: string;
  cancel: string;
}

export type PressedButton = Extract<IncomingUpdate, { kind: "press" }>;

/** Something people said at a place before the bot was asked there. */
export interface BackgroundMessage {
  sender: Sender;
  text: string;
}

export interface RawRequest {
  headers: Readonly<Record<string, string | undefined>>;
  /** Reads at most `maxBytes`; rejects with `too_large`. Not called when the headers already refuse. */
  body(): Promise<Buffer>;
}

export interface RawResponse {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** What an adapter may say to the operator; never a token or a message's text. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Resolves once the update is stored (or known to need no storing): only then acknowledge it. Rejects `unavailable`. */
export type Accept = (update: IncomingUpdate) => Promise<void>;

export interface Webhook {
  path: string;
  maxBytes: number;
  /** Checks the secret or signature from the headers before the body is read. Never throws for bad input. */
  handle(request: RawRequest, accept: Accept): Promise<RawResponse>;
}

/**
 * A chat network. The core is `start`, `send` and `render`; the rest are abilities with their limits and functions as
 * one value. Every rejection is a `GatewayError` without SDK types or secrets. What shows something takes `rightToCall`
 * for each request.
 */
export interface PlatformAdapter {
  readonly platform: Platform;
  /** Known after `connect`. */
  readonly account: AccountId;
  /** Asks the platform who we are. Rejects `unauthorized` for a bad token (fatal), `unavailable` otherwise. */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Takes in updates until `signal` aborts: polls, or registers the webhook. One replica per account runs it at a time.
   * Resolves after the abort; rejects when intake cannot go on (`unauthorized`: do not try again). Says by `working`
   * whether it gets through to the platform just now.
   */
  start(accept: Accept, signal: AbortSignal, working?: (works: boolean) => void): Promise<void>;
  readonly webhook?: Webhook;
  /** What a person writes before the word of a command; "/" unless given. */
  readonly commandSign?: string;
  /** Posts one page. Rejects with `delivered`: "no" may be repeated, "unknown" must not be. `mark`: our id of it, for `marks`. */
  send(to: ReplyTarget, page: RenderedPage, mark?: string): Promise<SentMessage>;
  /**
   * Pure: an answer as pages that the platform accepts; at least one. `growing`: more of it comes, so what its end has
   * begun is shown as if it were finished, and what cannot be told yet not at all; else all of it is shown as it is.
   */
  render(markdown: string, growing?: boolean): RenderedPage[];
  readonly editing?: {
    budget: EditBudget;
    /** "Not modified" is success. Rejects `not_found` when the message is gone or cannot be edited. */
    edit(at: SentMessage, page: RenderedPage): Promise<void>;
    /** Removing what is not there is success. */
    remove(at: SentMessage): Promise<void>;
  };
  /** A text that grows where the next message will be, with a stop of the platform's own; no message, and gone with one. */
  readonly nativeDraft?: {
    /** How long it stays when it is not shown again, in ms. */
    lastsMs: number;
    /** Whether there may be one there. */
    mayShow(to: ReplyTarget): boolean;
    /** `id` names the answer: what comes under the same one grows on. */
    show(to: ReplyTarget, id: string, page: RenderedPage): Promise<void>;
  };
  readonly typing?: {
    /** How long one call shows, in ms. */
    lastsMs: number;
    show(to: ReplyTarget): Promise<void>;
    /** For platforms where it does not go away with the next message or by itself soon. */
    hide?(to: ReplyTarget): Promise<void>;
    /**
     * A run there is over: ends what `show` has begun and messages do not end. `elsewhere`: another process may have
     * begun it. Never rejects.
     */
    over?(to: ReplyTarget, elsewhere: boolean): Promise<void>;
  };
  /**
   * Finds a post again whose answer was lost, by its mark; null = it certainly is not there. `growing`: it may be a
   * stream, and no other answer streams at its place.
   */
  readonly marks?: { find(to: ReplyTarget, mark: string, growing?: boolean): Promise<SentMessage | null> };
  readonly files?: {
    /** Bytes of a file that can be read, and of one that can be sent. */
    maxFetchBytes: number;
    maxSendBytes: number;
    /**
     * Reads a file that came with a message, by its `ref`, as it comes. Rejects `not_found` (gone, or not ours to read),
     * `too_large`, `unavailable`.
     */
    fetch(ref: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
    /** Posts a file. Rejects like `send`; null = it is there, but what its message's id is the platform does not say. */
    send(to: ReplyTarget, file: OutgoingFile, mark?: string): Promise<SentMessage | null>;
  };
  /** What was said at a thread before the message, oldest first, at most `limit`; never what the bot said. */
  readonly background?: {
    before(to: ReplyTarget, messageId: string, limit: number, signal: AbortSignal): Promise<BackgroundMessage[]>;
  };
  readonly buttons?: {
    /**
     * Pure: the page with a button to stop the answer, which reads `label`; a press brings `value` back, at most 64
     * ASCII characters.
     */
    withStop(page: RenderedPage, value: string, label: string): RenderedPage;
    /** Pure: the page with a row of buttons, the first of which is the one that goes on. */
    withChoices(page: RenderedPage, choices: readonly Choice[]): RenderedPage;
    /**
     * Tells whoever pressed one of the choices something that they alone see, at most 200 characters of plain text;
     * "" = that the press was heard, where the platform wants to be told. Rejects like any call.
     */
    tell(press: PressedButton, text: string): Promise<void>;
  };
  /** What people think of an answer, by a press under it. */
  readonly feedback?: {
    /** Whether each person sees their own vote alone; else everybody sees the buttons as they are. */
    personal: boolean;
    /** Pure: the last page of a whole answer with the two thumbs, instead of any that it has. */
    withThumbs(page: RenderedPage, thumbs: Thumbs): RenderedPage;
    /** Pure: the page as a question, where people answer it by a message (its `answers`). */
    asQuestion?(page: RenderedPage, placeholder: string): RenderedPage;
    /** Opens a form for whoever pressed a thumb, where there are forms. Rejects like any call. */
    openForm?(press: PressedButton, form: ReasonForm): Promise<void>;
  };
  /** The platform's own way of showing an answer while it is made, where `send` and `edit` go it by themselves. */
  readonly nativeStream?: {
    mayStream(to: ReplyTarget): boolean;
    /** The message streams, as far as is known here. */
    isStreaming(at: SentMessage): boolean;
    /**
     * Pure: the page as the last one of an answer that streams, of which `said`, Markdown, was said so far. The platform
     * shows the tasks and a way to stop in its own way; the page as it is stands where it does not stream after all. A
     * page that is not marked so ends the stream.
     */
    asStream(page: RenderedPage, said: string, tasks: readonly Task[]): RenderedPage;
  };
  /** Releases sockets. No call is made afterwards. */
  close(): Promise<void>;
}
