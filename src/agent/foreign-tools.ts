import { capText } from "./cap-text.ts";
import type { Clock } from "./clock.ts";
import type { ModelEvent } from "./model-client.ts";
import type { RunEvent } from "./run-event.ts";

type ToolEvent = Extract<ModelEvent, { type: "tool_started" | "tool_finished" }>;

/** More are not told of: nobody reads them, and each is a row. */
const MAX_TOLD = 200;

/**
 * Tools that the other side calls itself, as a run tells of them: each is told once and ends once. They are read-only
 * for this run, which can neither repeat nor answer them.
 */
export class ForeignTools {
  readonly #clock: Pick<Clock, "now">;
  readonly #running = new Map<string, { tool: string; startedAt: number }>();
  readonly #told = new Set<string>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  *take(event: ToolEvent): Generator<RunEvent> {
    const { callId } = event;
    if (event.type === "tool_finished") {
      yield* this.#end(callId, true, event.text);
      return;
    }
    if (this.#told.has(callId) || this.#told.size === MAX_TOLD) return;
    this.#told.add(callId);
    this.#running.set(callId, { tool: event.tool, startedAt: this.#clock.now() });
    yield { type: "tool.started", callId, tool: event.tool, args: event.args, readOnly: true };
  }

  /** Those whose end was not told. */
  *rest(ok: boolean): Generator<RunEvent> {
    for (const callId of this.#running.keys()) yield* this.#end(callId, ok, "");
  }

  *#end(callId: string, ok: boolean, text: string): Generator<RunEvent> {
    const call = this.#running.get(callId);
    if (!call) return;
    this.#running.delete(callId);
    const ms = Math.round(this.#clock.now() - call.startedAt);
    yield { type: "tool.finished", callId, tool: call.tool, ok, ms, text: capText(text) };
  }
}
