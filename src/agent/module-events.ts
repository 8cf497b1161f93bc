import { Compile } from "typebox/schema";
import { capText } from "./cap-text.ts";
import type { Clock } from "./clock.ts";
import type { Part } from "./message.ts";
import type { FinalRunEvent, RunEvent } from "./run-event.ts";
import type { Texts } from "../texts/texts.ts";

/** As long as a model's answer may be. */
const ANSWER_LIMIT = 1_000_000;
/** Of a run; each is a row. */
const MAX_TOOLS = 200;
/** That say nothing. */
const MAX_SILENT = 10_000;
const MESSAGE_CHARS = 1000;

const text = { type: "string" };
const count = { type: "integer", minimum: 0 };
const event = (type: string, fields: Record<string, object>, required: string[]) => ({
  type: "object",
  properties: { type: { const: type }, ...fields },
  required: ["type", ...required],
});

/** What of a module's events has an effect. */
const KNOWN = Compile({
  anyOf: [
    event("text.delta", { text }, ["text"]),
    event("message.completed", {}, []),
    event("tool.started", { callId: text, tool: text, args: text, readOnly: { type: "boolean" } }, ["callId", "tool"]),
    event("tool.finished", { callId: text, ok: { type: "boolean" }, text }, ["callId", "ok"]),
    event(
      "usage",
      {
        model: text,
        usage: {
          type: "object",
          properties: { inputTokens: count, outputTokens: count, cachedTokens: count },
          required: ["inputTokens", "outputTokens"],
        },
      },
      ["model", "usage"],
    ),
    event("run.completed", { stopReason: { enum: ["stop", "length", "max_steps"] } }, []),
    event("run.failed", { message: text }, ["message"]),
    event("run.cancelled", {}, []),
  ],
});
/** Of the loop around it: passed over, so that a module may hand on the events of another runner. */
const PASSED_OVER = ["run.started", "run.restarted", "step.started", "notice", "child.event"];

interface Given {
  type: string;
  text?: string;
  callId?: string;
  tool?: string;
  args?: string;
  readOnly?: boolean;
  ok?: boolean;
  model?: string;
  usage?: { inputTokens: number; outputTokens: number; cachedTokens?: number };
  stopReason?: "stop" | "length" | "max_steps";
  message?: string;
}

/**
 * Makes the events of a run out of what a module yields: text joins to one message (what was another is a paragraph of
 * it, since only one could be said again after a crash), tools end once, one final event comes last. What cannot be read
 * ends the run; calls and results that a module keeps to itself never reach the history.
 */
export class ModuleEvents {
  readonly #texts: Texts;
  readonly #clock: Pick<Clock, "now">;
  readonly #tools = new Map<string, { tool: string; startedAt: number } | null>();
  #said = "";
  #paragraph = false;
  #silent = 0;

  constructor(texts: Texts, clock: Pick<Clock, "now">) {
    this.#texts = texts;
    this.#clock = clock;
  }

  /** A final event among them is the last one. */
  *take(value: unknown): Generator<RunEvent> {
    const given = readGiven(value);
    if (!given?.text) this.#silent += 1;
    if (given && this.#silent <= MAX_SILENT) yield* this.#read(given);
    else yield* this.fail("agent_failed", this.#texts.agentBroken, nonsense(value));
  }

  #read(given: Given): Iterable<RunEvent> {
    switch (given.type) {
      case "text.delta":
        return this.#say(given.text ?? "");
      case "message.completed":
        this.#paragraph = this.#said !== "";
        return [];
      case "tool.started":
        return this.#start(given);
      case "tool.finished":
        return this.#finish(given.callId ?? "", given.ok === true, given.text ?? "");
      case "usage":
        return given.usage ? [{ type: "usage", model: given.model ?? "", usage: given.usage }] : [];
      case "run.completed":
        return this.end({ type: "run.completed", stopReason: given.stopReason ?? "stop" });
      case "run.failed": {
        const message = (given.message ?? "").slice(0, MESSAGE_CHARS).toWellFormed() || this.#texts.agentBroken;
        return this.end({ type: "run.failed", code: "agent_failed", message });
      }
      default:
        return [];
    }
  }

  *fail(code: string, said: string, cause: unknown): Generator<RunEvent> {
    const partly = this.#said !== "";
    const message = partly ? this.#texts.notComplete(said) : this.#texts.askAgain(said);
    yield* this.end({ type: "run.failed", code, message, cause: cause ?? new Error(code) });
  }

  *end(end: FinalRunEvent): Generator<RunEvent> {
    const completed = end.type === "run.completed";
    for (const callId of this.#tools.keys()) yield* this.#finish(callId, completed, "");
    yield* this.#close(completed ? "complete" : end.type === "run.cancelled" ? "interrupted" : "truncated");
    const { emptyAnswer, agentTroubles } = this.#texts;
    if (!completed || this.#said !== "") yield end;
    else yield { type: "run.failed", code: "empty_answer", message: agentTroubles.empty ?? emptyAnswer };
  }

  *#say(words: string): Generator<RunEvent> {
    if (words === "") return;
    // White space before the first word counts as not said.
    const held = this.#said === "" && words.trim() === "";
    if (held) return;
    const next = this.#paragraph ? `\n\n${words}` : words;
    this.#paragraph = false;
    this.#said += next;
    yield { type: "text.delta", text: next };
    if (this.#said.length > ANSWER_LIMIT) yield* this.end({ type: "run.completed", stopReason: "length" });
  }

  *#close(status: "complete" | "interrupted" | "truncated"): Generator<RunEvent> {
    if (this.#said === "") return;
    const parts: Part[] = [{ type: "text", text: this.#said }];
    yield { type: "message.completed", message: { role: "assistant", parts, status } };
  }

  *#start({ callId = "", tool = "", args = "{}", readOnly = false }: Given): Generator<RunEvent> {
    if (this.#tools.has(callId) || this.#tools.size === MAX_TOOLS) return;
    this.#tools.set(callId, { tool, startedAt: this.#clock.now() });
    yield { type: "tool.started", callId, tool, args, readOnly };
  }

  *#finish(callId: string, ok: boolean, said: string): Generator<RunEvent> {
    const call = this.#tools.get(callId);
    if (!call) return;
    this.#tools.set(callId, null);
    const ms = Math.round(this.#clock.now() - call.startedAt);
    yield { type: "tool.finished", callId, tool: call.tool, ok, ms, text: capText(said) };
  }
}

/** Null = nonsense. A copy without anything that cannot be stored. */
function readGiven(value: unknown): Given | null {
  if (typeof value === "string") return { type: "text.delta", text: cleaned(value) as string };
  try {
    const plain = JSON.parse(JSON.stringify(value, (_key, each: unknown) => cleaned(each))) as Given | null;
    if (typeof plain !== "object" || plain === null) return null;
    if (PASSED_OVER.includes(plain.type)) return { type: "" };
    return KNOWN.Check(plain) ? plain : null;
  } catch {
    return null;
  }
}

function cleaned(value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll("\0", "").toWellFormed() : value;
}

/** For the operator; what it is and not what it says. */
function nonsense(value: unknown): Error {
  const type = typeof value === "object" && value !== null ? (value as { type?: unknown }).type : undefined;
  const what = typeof type === "string" ? `an event ${JSON.stringify(type.slice(0, 50))}` : `a ${typeof value}`;
  return new Error(`the agent's module yielded ${what}, which is no event of a run`);
}
