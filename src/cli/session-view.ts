import type { ApiEvent } from "./api-client.ts";
import type { Screen } from "./screen.ts";

interface OpenRun {
  /** Messages that this run answers, as far as they came in before our eyes. */
  inputs: string[];
  /** Has anything of its present attempt been shown? */
  shown: boolean;
}

const ENDINGS: Record<string, string> = {
  length: "(the answer was cut off: it became too long)",
  budget: "(the answer was ended because it had used what it may)",
  max_steps: "(the answer was ended after too many steps)",
  stop: "(stopped)",
  interrupt: "(interrupted)",
};
const MAX_ARGS = 120;
/** Runs and answered messages. */
const REMEMBERED = 200;

/**
 * Shows a session's events. Runs that are seen as they happen are not shown again when their messages join the
 * history; of what is typed here the echo is left out.
 */
export class SessionView {
  readonly #screen: Screen;
  readonly #open = new Map<string, OpenRun>();
  readonly #streamed = new Set<string>();
  /** Typed here, not yet seen as accepted. */
  readonly #typed: string[] = [];
  /** Came in, no run has taken them yet. */
  #waiting: string[] = [];
  readonly #answered = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Is an answer on its way? */
  get busy(): boolean {
    return this.#open.size > 0 || this.#waiting.length > 0 || this.#typed.length > 0;
  }

  /** Call before a message is sent from here. */
  typed(text: string): void {
    this.#typed.push(text);
  }

  /** Call when it was not accepted after all. */
  untyped(text: string): void {
    const at = this.#typed.indexOf(text);
    if (at !== -1) this.#typed.splice(at, 1);
  }

  /** Call after a stop: what waited is withdrawn. */
  stopped(): void {
    this.#waiting = [];
  }

  /** Resolves when the run that answers the message is over, or with the abort. One caller at a time. */
  async answered(messageId: string, signal: AbortSignal): Promise<void> {
    while (!this.#answered.delete(messageId) && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  show({ event, data }: ApiEvent): void {
    const run = data.run_id ?? "";
    switch (event) {
      case "message":
        return this.#message(data, run);
      case "accepted":
        return this.#accepted(data);
      case "run.started":
        return this.#started(run);
      case "run.restarted":
        return this.#restarted(run, data);
      case "text.delta":
        return this.#said(run, data);
      case "message.completed":
        return this.#screen.end();
      case "tool.started":
        return this.#screen.note(`[${data.tool} ${cut(data.args)}]`);
      case "tool.finished":
        if (!data.ok) this.#screen.note(`[${data.tool} failed: ${cut(data.text)}]`);
        return;
      case "approval.requested":
        return this.#screen.note(question(data));
      case "approval.resolved":
        return this.#screen.note(`[${data.decision}]`);
      case "notice":
        return this.#screen.note(`(${data.text})`);
      case "run.completed":
        return this.#ended(run, data.stop_reason === "stop" ? "" : ending(data.stop_reason));
      case "run.failed":
        return this.#ended(run, `! ${String(data.message)}`);
      case "run.cancelled":
        return this.#cancelled(run, data);
      default:
      // Others, and those of later versions, are nothing to show.
    }
  }

  #message(data: ApiEvent["data"], run: string): void {
    if (this.#streamed.has(run)) return;
    const { agent, role, text = "" } = data;
    if (role === "user") this.#screen.note(`you: ${text}`);
    if (role !== "assistant" || text === "") return;
    this.#screen.say(agent, text);
    this.#screen.end();
  }

  #accepted(data: ApiEvent["data"]): void {
    const { text = "" } = data;
    this.#waiting.push(data.message_id ?? "");
    if (this.#typed.includes(text)) this.untyped(text);
    else this.#screen.note(`you: ${text}`);
  }

  #started(run: string): void {
    this.#open.set(run, { inputs: this.#waiting, shown: false });
    this.#waiting = [];
    remember(this.#streamed, run);
  }

  #restarted(run: string, data: ApiEvent["data"]): void {
    const known = this.#open.get(run);
    this.#screen.end();
    if (known?.shown) this.#screen.note("(the gateway was restarted; the answer starts over)");
    this.#open.set(run, { inputs: known?.inputs ?? [], shown: false });
    remember(this.#streamed, run);
    for (const { role, text } of data.kept ?? []) {
      if (role !== "assistant" || text === "") continue;
      this.#said(run, { ...data, text });
      this.#screen.end();
    }
  }

  #said(run: string, data: ApiEvent["data"]): void {
    const open = this.#open.get(run);
    if (open) open.shown = true;
    this.#screen.say(data.agent, data.text ?? "");
  }

  #cancelled(run: string, data: ApiEvent["data"]): void {
    const open = this.#open.get(run);
    if (data.by === "stop") this.stopped();
    if (data.by !== "interrupt" || open?.shown) return this.#ended(run, ending(data.by));
    // As if it had not been: what it had taken joins the next turn.
    this.#open.delete(run);
    this.#waiting.unshift(...(open?.inputs ?? []));
  }

  #ended(run: string, note: string): void {
    this.#screen.end();
    if (note !== "") this.#screen.note(note);
    for (const input of this.#open.get(run)?.inputs ?? []) remember(this.#answered, input);
    this.#open.delete(run);
    this.#wake();
  }
}

function remember(known: Set<string>, id: string): void {
  known.add(id);
  if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
}

function ending(reason = ""): string {
  return ENDINGS[reason] ?? `(ended: ${reason})`;
}

/** Whole: nobody approves what they have not seen. */
function question({ tool, args, again }: ApiEvent["data"]): string {
  const asked = again ? `${tool} was under way, and may have been done. Do it again?` : `may ${tool} be used?`;
  return `[${asked} ${oneLine(args)} – /approve or /deny]`;
}

function oneLine(text = ""): string {
  return text.replaceAll(/\s+/g, " ");
}

function cut(text?: string): string {
  const line = oneLine(text);
  return line.length <= MAX_ARGS ? line : `${line.slice(0, MAX_ARGS - 1)}…`;
}
