import { closeCalls } from "../agent/close-calls.ts";
import { type Message, textOf } from "../agent/message.ts";
import { cutStatus, type FinalRunEvent, type RunEvent } from "../agent/run-event.ts";
import { type FileId, newId, type MessageId } from "../ids.ts";
import type { Task } from "../platform/platform-adapter.ts";
import type { Texts } from "../texts/texts.ts";
import { Progress } from "./progress.ts";
import { joinSaid } from "./resume.ts";

/** What the chat is to show of a run that goes on. */
export interface Draft {
  /** Everything the person has been told, as Markdown. */
  said: string;
  /** Lines under it, as Markdown; "" = none. */
  progress: string;
  /** The tools that they tell of, and those before. */
  tasks: readonly Task[];
  /** Since when (`performance.now()`) the lines are worth a message although nothing was said; null = they are not. */
  since: number | null;
  /** When the lines change by themselves, in ms; null = they do not. */
  againInMs: number | null;
}

/** What a run has said and done so far: the text for the chat and the block for the history. */
export class Answer {
  readonly #block: { messageId: MessageId; message: Message }[] = [];
  readonly #said: string[] = [];
  readonly #progress = new Progress();
  #current = "";
  /** Words of the gateway above the answer, as Markdown; they are no part of the history. */
  preface = "";
  #working = false;
  /** Calls that may have taken effect, and have no result. */
  readonly #started: Set<string>;

  /**
   * `joined`: the ids of the user messages among `kept`, in order. `inFlight`: the calls of `kept` that were started and
   * have no result.
   */
  constructor(kept: readonly Message[], joined: readonly MessageId[] = [], inFlight: Iterable<string> = []) {
    this.#started = new Set(inFlight);
    const ids = joined.values();
    for (const message of kept) {
      this.#complete(message, message.role === "user" ? ids.next().value : undefined);
      this.#progress.keep(message);
    }
  }

  /** Nothing was said or done. */
  get silent(): boolean {
    return this.#block.length === 0 && this.#current === "" && !this.#working;
  }

  get messages(): Message[] {
    return this.#block.map(({ message }) => message);
  }

  /** The user messages that joined the run. */
  get joined(): Set<MessageId> {
    return new Set(this.#block.filter(({ message }) => message.role === "user").map(({ messageId }) => messageId));
  }

  /** How many lines of tools at work the chat shows; null = as many as ever. */
  showTools(lines: number | null): void {
    this.#progress.maxLines = lines;
  }

  /** Takes the next event of the run; true = the chat is to show something else. */
  take(event: RunEvent): boolean {
    const moved = this.#progress.take(event);
    if (event.type === "text.delta") {
      this.#current += event.text;
      return true;
    }
    if (event.type === "tool.started") {
      this.#working = true;
      this.#started.add(event.callId);
    }
    if (event.type === "tool.finished") this.#started.delete(event.callId);
    if (event.type === "message.completed") this.#complete(event.message, event.messageId);
    return moved;
  }

  #complete(message: Message, messageId = newId("msg")): void {
    this.#block.push({ messageId, message });
    if (message.role !== "assistant") return;
    this.#said.push(textOf(message));
    this.#current = "";
  }

  /** What the calls get that the run leaves open at its end, as its next event; null = it leaves none. */
  closing(): Extract<RunEvent, { type: "message.completed" }> | null {
    const messages = this.#block.map(({ message }) => message);
    const message = closeCalls(messages, this.#started);
    return message && { type: "message.completed", message };
  }

  /** Everything the person has been told, as Markdown. */
  get text(): string {
    return joinSaid([this.preface, ...this.#said, this.#current]);
  }

  draft(texts: Texts): Draft {
    // Before the lines, so that none of their changes is missed.
    const { since, againInMs } = this.#progress;
    const { tasks } = this.#progress;
    return { said: this.text, progress: this.#progress.lines(texts), tasks, since, againInMs };
  }

  /** What else is said under the whole answer, as Markdown; "" = nothing. */
  remarks(texts: Texts): string {
    return this.#progress.remarks(texts);
  }

  /** Tools have run: the run has left a trace even if it said nothing. */
  get acted(): boolean {
    return this.messages.some(({ role }) => role === "tool");
  }

  /** Files that tools have made for the person, in order. */
  get files(): FileId[] {
    const parts = this.#block.flatMap(({ message }) => message.parts);
    return parts.flatMap((part) => (part.type === "tool_result" && part.file ? [part.file] : []));
  }

  /** The messages to merge. Text of a message that was cut short is kept, marked by its status. */
  block(end: FinalRunEvent): { messageId: MessageId; message: Message }[] {
    const block = [...this.#block];
    if (this.#current.trim() !== "") {
      const message: Message = {
        role: "assistant",
        parts: [{ type: "text", text: this.#current }],
        status: cutStatus(end),
      };
      block.push({ messageId: newId("msg"), message });
    }
    const last = block.at(-1);
    // Stopped between its last word and the merge.
    if (end.type === "run.cancelled" && last?.message.role === "assistant" && last.message.status === "complete") {
      block[block.length - 1] = { ...last, message: { ...last.message, status: "interrupted" } };
    }
    return block;
  }
}

/** The line under an answer that tells the person how the run ended; "" = it speaks for itself. */
export function closingLine(end: FinalRunEvent, runId: string, texts: Texts): string {
  switch (end.type) {
    case "run.completed":
      return "";
    case "run.failed":
      return texts.failed(end.message, runId.slice(0, 8));
    case "run.cancelled":
      return end.by === "stop" ? texts.stopped : texts.interrupted;
    default:
      return end satisfies never;
  }
}

/**
 * What is shown in the end: the text, remarks of a run that was not broken off, and its closing line. "" = nothing needs
 * to be shown. `stands`: the chat shows something of the run, which is not taken away without a word.
 */
export function finalText(
  said: string,
  end: FinalRunEvent,
  runId: string,
  texts: Texts,
  { remarks = "", stands = false }: { remarks?: string; stands?: boolean } = {},
): string {
  const line = closingLine(end, runId, texts);
  if (said.trim() === "") return end.type === "run.failed" || stands ? line : "";
  return underText(underText(said, end.type === "run.cancelled" ? "" : remarks), line);
}

/** Lines below a text, outside of whatever block it ends in. */
export function underText(text: string, lines: string): string {
  if (text.trim() === "" || lines === "") return text.trim() === "" ? lines : text;
  return `${text}${openFence(text)}\n\n${lines}`;
}

/** What ends the block of code that a text was cut off in; "" = it was not. https://spec.commonmark.org/0.31.2/#fenced-code-blocks */
export function openFence(text: string): string {
  let open = "";
  for (const [, fence = "", rest = ""] of text.matchAll(/^ {0,3}(`{3,}|~{3,})(.*)$/gm)) {
    if (open === "") open = fence.startsWith("`") && rest.includes("`") ? "" : fence;
    else if (fence.startsWith(open) && rest.trim() === "") open = "";
  }
  return open === "" ? "" : `\n${open}`;
}
