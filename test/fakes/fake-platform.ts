import { accountId, type AccountId } from "../../src/ids.ts";
import { type ErrorCode, type ErrorDetails, GatewayError } from "../../src/errors.ts";
import type { IncomingPlace, IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type {
  Accept,
  BackgroundMessage,
  EditBudget,
  Platform,
  PlatformAdapter,
  RenderedPage,
  SentMessage,
} from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { rightToCall } from "../../src/platform/right-to-call.ts";
import { fakeFeedback } from "./fake-feedback.ts";
import { FakeFiles } from "./fake-files.ts";
import type { Pressed } from "./pressed.ts";
import type { Said } from "./said.ts";

export type FakeCall = "send" | "edit" | "remove" | "typing" | "hide" | "find" | "fetch" | "send_file" | "background";

/** A message of the bot, as the chat shows it now. `history`: every text it ever had, the newest last. */
export interface ShownMessage {
  messageId: string;
  chat: string;
  thread: string;
  replyTo: string | null;
  text: string;
  rich: unknown;
  history: string[];
  removed: boolean;
  mark?: string;
}

/** How a coming call fails. Without `call` a send or an edit; `applied`: it takes effect all the same (lost answer). */
export interface FakeFault extends ErrorDetails {
  code: ErrorCode;
  message?: string;
  call?: FakeCall;
  chat?: string;
  applied?: boolean;
  /** How many calls fail so; 1 unless given. */
  times?: number;
}

export interface FakePlatformOptions {
  platform?: Platform;
  /** The bot's id on the platform; the account is `<platform>:<bot>`. */
  bot?: string;
  textLimit?: number;
  budget?: EditBudget;
  /** Posts can be found again by their marks. */
  marks?: true;
  /** Pages may have a button to stop the answer, seen as `rich`, `{ stop: value }`, and such to choose, `{ choices: values }`. */
  buttons?: true;
  /** Pages may have thumbs, seen as `rich`, `{ up, down, chosen }`; a bad one is asked why by a message, or by a form. */
  feedback?: "message" | "form";
  commandSign?: string;
  /** Files come and go; those that came are named by their `ref`, whose content `put` gives. */
  files?: true;
  /** What was said before the bot was asked, by `chat/thread`. */
  background?: Readonly<Record<string, BackgroundMessage[]>>;
  /** How long typing shows; `hide` is there where this is given. */
  typingLastsMs?: number;
  /** Only for `writtenAt`; nothing here waits on a clock. */
  now?: () => number;
}

const FAST_BUDGET: EditBudget = {
  chat: () => ({ draftEveryMs: 20, refillMs: 5, burst: 3, reserve: 1 }),
  account: [{ refillMs: 1, burst: 100, reserve: 5 }],
};

/**
 * A chat network in memory: keeps every message and a transcript, fails and stalls when told to. Texts that are too
 * long or empty are refused and edits of unknown messages fail, as on a real one.
 */
export class FakePlatform implements PlatformAdapter {
  readonly platform: Platform;
  readonly account: AccountId;
  readonly editing: NonNullable<PlatformAdapter["editing"]>;
  readonly typing: NonNullable<PlatformAdapter["typing"]>;
  readonly commandSign?: string;
  readonly marks?: NonNullable<PlatformAdapter["marks"]>;
  readonly buttons?: NonNullable<PlatformAdapter["buttons"]>;
  readonly feedback?: NonNullable<PlatformAdapter["feedback"]>;
  readonly files?: NonNullable<PlatformAdapter["files"]>;
  readonly background?: NonNullable<PlatformAdapter["background"]>;
  /** What `files` reads and where it sends. */
  readonly store = new FakeFiles();
  /** Calls of `typing.show`, as `chat` or `chat/thread`. */
  readonly typingShown: string[] = [];
  /** Calls of `typing.hide`, likewise. */
  readonly typingHidden: string[] = [];
  /** What pressers of buttons alone were told, as `who: text`. */
  readonly told: string[] = [];
  /** Marks that were looked for. */
  readonly looked: string[] = [];
  /** Every update that `say` made. */
  readonly said: IncomingUpdate[] = [];
  closed = false;
  readonly #textLimit: number;
  readonly #now: () => number;
  readonly #shown: ShownMessage[] = [];
  readonly #lines: { chat: string; line: string }[] = [];
  readonly #faults: FakeFault[] = [];
  readonly #nextMessageId = new Map<string, number>();
  #nextUpdate = 1;
  #held: PromiseWithResolvers<void> | null = null;
  #waiting = 0;
  #listening = Promise.withResolvers<void>();
  #accept: Accept | null = null;

  constructor(options: FakePlatformOptions = {}) {
    this.platform = options.platform ?? "telegram";
    this.account = accountId(this.platform, options.bot ?? "4711");
    this.#textLimit = options.textLimit ?? 4096;
    this.#now = options.now ?? Date.now;
    this.editing = {
      budget: options.budget ?? FAST_BUDGET,
      edit: (at, page) => this.#call("edit", at.chat, () => this.#edit(at, page)),
      remove: (at) => this.#call("remove", at.chat, () => this.#remove(at)),
    };
    const { typingLastsMs } = options;
    const hide = (to: ReplyTarget) =>
      this.#call("hide", to.chat, () => void this.typingHidden.push(placeName(to.chat, to.thread)));
    this.typing = {
      lastsMs: typingLastsMs ?? 5000,
      show: (to) => this.#call("typing", to.chat, () => void this.typingShown.push(placeName(to.chat, to.thread))),
      ...(typingLastsMs === undefined ? {} : { hide }),
    };
    if (options.commandSign !== undefined) this.commandSign = options.commandSign;
    if (options.marks) this.marks = { find: (to, mark) => this.#call("find", to.chat, () => this.#look(to, mark)) };
    if (options.files) {
      this.files = this.store.ability(
        (call, chat, apply) => this.#call(call, chat, apply),
        (to, file) => this.#post(to, { text: `[file ${file.name}]` }),
      );
    }
    const { background } = options;
    if (background) {
      const said = (to: ReplyTarget) => background[placeName(to.chat, to.thread)] ?? [];
      this.background = { before: (to) => this.#call("background", to.chat, () => said(to)) };
    }
    if (options.feedback) this.feedback = fakeFeedback(options.feedback, this.told);
    if (options.buttons) {
      this.buttons = {
        withStop: (page, value) => ({ ...page, rich: { stop: value } }),
        withChoices: (page, choices) => ({ ...page, rich: { choices: choices.map(({ value }) => value) } }),
        tell: async ({ sender }, text) => void this.told.push(`${sender.id}: ${text}`),
      };
    }
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async start(accept: Accept, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#accept = accept;
    this.#listening.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.#accept = null;
    this.#listening = Promise.withResolvers<void>();
  }

  send(to: ReplyTarget, page: RenderedPage, mark?: string): Promise<SentMessage> {
    return this.#call("send", to.chat, () => this.#post(to, page, mark));
  }

  render(markdown: string): RenderedPage[] {
    const pages: RenderedPage[] = [];
    for (let rest = markdown; rest !== "" || pages.length === 0;) {
      let end = Math.min(rest.length, this.#textLimit);
      if (end < rest.length && /[\uD800-\uDBFF]/.test(rest[end - 1] ?? "")) end -= 1;
      const text = rest.slice(0, end);
      pages.push({ text: text.trim() === "" ? "…" : text });
      rest = rest.slice(end);
    }
    return pages;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  // What a test does.

  /** Resolves when somebody has called `start`. */
  listening(): Promise<void> {
    return this.#listening.promise;
  }

  /** Settles as the gateway's `accept` does; gives the update, for `deliver` once more. */
  async say(said: Said): Promise<IncomingUpdate> {
    const kind = said.kind ?? "private";
    const place: IncomingPlace = { kind, chat: said.chat, thread: said.thread ?? "", title: `${kind} ${said.chat}` };
    const command = /^\/([a-z_]+)\s*(.*)$/s.exec(said.text);
    const envelope = {
      account: this.account,
      key: said.key ?? `u${this.#nextUpdate++}`,
      place,
      sender: { id: said.from, name: said.name ?? said.from, ...(said.outsider ? { outsider: true as const } : {}) },
      messageId: said.messageId ?? this.#mintMessageId(said.chat),
      writtenAt: said.writtenAt ?? this.#now(),
    };
    const update: IncomingUpdate = command
      ? {
          ...envelope,
          kind: "command",
          command: command[1] ?? "",
          args: (command[2] ?? "").trim(),
          ...(said.ofChat ? { ofChat: true as const } : {}),
        }
      : {
          ...envelope,
          kind: "message",
          text: said.text,
          addressed: kind === "private" || (said.addressed ?? false),
          ...(said.burst ? { burst: said.burst } : {}),
          ...(said.context ? { context: said.context } : {}),
          ...(said.files ? { files: said.files } : {}),
          ...(said.answers === undefined ? {} : { answers: said.answers }),
        };
    this.#write(said.chat, `${envelope.sender.name}: ${said.text}`);
    this.said.push(update);
    await this.deliver(update);
    return update;
  }

  /** Settles as the gateway's `accept` does. */
  async press(pressed: Pressed): Promise<IncomingUpdate> {
    const kind = pressed.kind ?? "private";
    const update: IncomingUpdate = {
      kind: "press",
      account: this.account,
      key: pressed.key ?? `u${this.#nextUpdate++}`,
      place: { kind, chat: pressed.chat, thread: pressed.thread ?? "", title: `${kind} ${pressed.chat}` },
      sender: { id: pressed.from, name: pressed.from, ...(pressed.outsider ? { outsider: true as const } : {}) },
      messageId: pressed.messageId,
      value: pressed.value,
      ...(this.feedback?.openForm ? { formAt: "here" } : {}),
    };
    this.said.push(update);
    await this.deliver(update);
    return update;
  }

  /** Hands over any update, also one that was handed over before. */
  deliver(update: IncomingUpdate): Promise<void> {
    if (!this.#accept) throw new Error("nobody listens: start() was not called, or was aborted");
    return this.#accept(update);
  }

  failNext(fault: FakeFault): void {
    this.#faults.push({ ...fault, times: fault.times ?? 1 });
  }

  /** From now on calls wait, unapplied, until `release`. */
  hold(): void {
    this.#held ??= Promise.withResolvers<void>();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = null;
  }

  /** How many calls wait for `release`. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The bot's messages that are to be seen now, oldest first. */
  messages(chat: string, thread?: string): ShownMessage[] {
    return this.everyMessage(chat).filter((it) => !it.removed && (thread === undefined || it.thread === thread));
  }

  /** Removed ones too. */
  everyMessage(chat: string): ShownMessage[] {
    return this.#shown.filter((it) => it.chat === chat);
  }

  /** One chat as one reads it: `ann: …`, `bot#1: …`, `bot#1~ …` for an edit, `bot#1 removed`. All chats: `[chat] ` first. */
  transcript(chat?: string): string {
    return this.#lines
      .filter((it) => chat === undefined || it.chat === chat)
      .map((it) => (chat === undefined ? `[${it.chat}] ${it.line}` : it.line))
      .join("\n");
  }

  async #call<T>(call: FakeCall, chat: string, apply: () => T): Promise<T> {
    const mayCall = rightToCall();
    if (this.#held) {
      this.#waiting += 1;
      await this.#held.promise;
      this.#waiting -= 1;
    }
    if (!mayCall()) throw new GatewayError("cancelled", "The call was cancelled.", { delivered: "no" });
    const fault = this.#faults.find(
      (it) => (it.call ? it.call === call : call === "send" || call === "edit") && (it.chat ?? chat) === chat,
    );
    if (!fault) return apply();
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times <= 0) this.#faults.splice(this.#faults.indexOf(fault), 1);
    if (fault.applied) apply();
    throw new GatewayError(fault.code, fault.message ?? `The platform answered: ${fault.code}.`, {
      delivered: fault.applied ? "unknown" : "no",
      ...fault,
    });
  }

  #post(to: ReplyTarget, page: RenderedPage, mark?: string): SentMessage {
    if (to.account !== this.account) throw new Error(`sent through ${this.account} to a chat of ${to.account}`);
    this.#check(page);
    const messageId = this.#mintMessageId(to.chat);
    const { chat, thread, replyTo } = to;
    this.#shown.push({
      messageId,
      chat,
      thread,
      replyTo,
      text: page.text,
      rich: page.rich,
      history: [page.text],
      removed: false,
      ...(mark !== undefined && this.marks ? { mark } : {}),
    });
    this.#write(chat, `bot#${this.everyMessage(chat).length}: ${page.text}`);
    return { account: this.account, chat, messageId };
  }

  #edit(at: SentMessage, page: RenderedPage): void {
    this.#check(page);
    const message = this.#find(at);
    if (!message) throw new GatewayError("not_found", "The message is gone.", { delivered: "no" });
    message.rich = page.rich;
    if (message.text === page.text) return;
    message.text = page.text;
    message.history.push(page.text);
    this.#write(at.chat, `bot#${this.#number(message)}~ ${page.text}`);
  }

  #remove(at: SentMessage): void {
    const message = this.#find(at);
    if (!message) return;
    message.removed = true;
    this.#write(at.chat, `bot#${this.#number(message)} removed`);
  }

  #look(to: ReplyTarget, mark: string): SentMessage | null {
    this.looked.push(mark);
    const found = this.messages(to.chat, to.thread).find((it) => it.mark === mark);
    return found ? { account: this.account, chat: to.chat, messageId: found.messageId } : null;
  }

  #find(at: SentMessage): ShownMessage | undefined {
    return this.messages(at.chat).find((it) => it.messageId === at.messageId);
  }

  #number(message: ShownMessage): number {
    return this.everyMessage(message.chat).indexOf(message) + 1;
  }

  #check(page: RenderedPage): void {
    if (page.text.trim() === "") throw new GatewayError("invalid", "The text is empty.", { delivered: "no" });
    if (page.text.length > this.#textLimit) {
      throw new GatewayError("too_large", "The text is too long.", { delivered: "no" });
    }
  }

  #mintMessageId(chat: string): string {
    const id = this.#nextMessageId.get(chat) ?? 1;
    this.#nextMessageId.set(chat, id + 1);
    return String(id);
  }

  #write(chat: string, line: string): void {
    this.#lines.push({ chat, line });
  }
}

function placeName(chat: string, thread: string): string {
  return thread === "" ? chat : `${chat}/${thread}`;
}
