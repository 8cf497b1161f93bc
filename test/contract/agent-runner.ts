import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AgentRunner, Clone } from "../../src/agent/agent-runner.ts";
import { textOf } from "../../src/agent/message.ts";
import { isFinal, type RunEvent } from "../../src/agent/run-event.ts";

/** A runner, and clones whose runs go as their names say. */
export interface AgentRunnerSubject {
  runner: AgentRunner;
  /** Answers with `text`, in several pieces; with tools on the way where the runner has them. */
  answering: () => Clone;
  text: string;
  /** Says something, then nothing more for longer than the test waits. */
  stalling: () => Clone;
  /** Fails before it says anything. */
  failing: () => Clone;
  /** Requests to models and tools that are still held open. */
  open(): number;
  close(): Promise<void>;
}

/** What every AgentRunner promises; see the port. `make` is called for each test. */
export function agentRunnerContract<S extends AgentRunnerSubject>(name: string, make: () => Promise<S>): void {
  describe(`${name} keeps the contract of an agent runner`, () => {
    let subject: S;
    beforeEach(async () => {
      subject = await make();
    });
    afterEach(() => subject.close());

    test("an answer comes in pieces, as a message, and the run is completed", async () => {
      const events = await collect(subject.runner.run(subject.answering(), live()));
      expect(events.filter(({ type }) => type === "text.delta").length).toBeGreaterThan(1);
      expect(messagesOf(events, "assistant").map(textOf).join("")).toBe(subject.text);
      expectWhole(events);
      expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
      await expectNoneOpen(subject);
    });

    test("a failure is the last event, with a sentence for the person, and is not thrown", async () => {
      const events = await collect(subject.runner.run(subject.failing(), live()));
      expectWhole(events);
      expect(events.at(-1)).toMatchObject({ type: "run.failed", message: expect.stringMatching(/^[A-Z].*[.!]$/) });
      await expectNoneOpen(subject);
    });

    test("an abort in the middle ends the run soon and keeps what was said, marked", async () => {
      const controller = new AbortController();
      const events: RunEvent[] = [];
      for await (const event of subject.runner.run(subject.stalling(), controller.signal)) {
        events.push(event);
        if (event.type === "text.delta") controller.abort();
      }
      expectWhole(events);
      expect(events.at(-1)?.type).toBe("run.cancelled");
      expect(messagesOf(events, "assistant").at(-1)?.status).toBe("interrupted");
      await expectNoneOpen(subject);
    });

    test("an abort from before the start cancels the run", async () => {
      const events = await collect(subject.runner.run(subject.answering(), AbortSignal.abort()));
      expectWhole(events);
      expect(events.at(-1)?.type).toBe("run.cancelled");
      expect(messagesOf(events, "assistant")).toEqual([]);
      await expectNoneOpen(subject);
    });

    test("a consumer that stops asking leaves nothing open", async () => {
      for await (const event of subject.runner.run(subject.stalling(), live())) {
        if (event.type === "text.delta") break;
      }
      await expectNoneOpen(subject);
    });

    test("runs at the same time do not mix", async () => {
      const runs = [1, 2, 3].map(() => collect(subject.runner.run(subject.answering(), live())));
      for (const events of await Promise.all(runs)) {
        expect(messagesOf(events, "assistant").map(textOf).join("")).toBe(subject.text);
      }
    });

    test("the clone is left as it was", async () => {
      const clone = subject.answering();
      const { history, turn, kept } = clone;
      // What can be called is no data.
      const { outside: _called, ...card } = clone.card;
      const before = structuredClone({ card, history, turn, kept });
      await collect(subject.runner.run(clone, live()));
      expect({
        card: { ...clone.card, outside: undefined },
        history: clone.history,
        turn: clone.turn,
        kept: clone.kept,
      }).toEqual(before);
    });
  });
}

/**
 * The rules that hold for every list of events: exactly one final event, last; deltas join to the assistant message
 * that follows them; each started tool finishes once; results follow the calls they answer.
 */
export function expectWhole(events: readonly RunEvent[]): void {
  expect(events.filter(isFinal)).toEqual(events.slice(-1));
  let said = "";
  const running = new Set<string>();
  let due: string[] = [];
  for (const event of events) {
    if (event.type === "text.delta") said += event.text;
    if (event.type === "tool.started") running.add(event.callId);
    if (event.type === "tool.finished") running.delete(event.callId);
    if (event.type !== "message.completed") continue;
    const { role, parts } = event.message;
    if (role === "assistant") {
      expect(textOf(event.message), "the deltas joined").toBe(said);
      expect(due, "calls without results").toEqual([]);
      said = "";
      due = parts.flatMap((part) => (part.type === "tool_call" ? [part.callId] : []));
    } else if (role === "tool") {
      expect(parts.map((part) => (part.type === "tool_result" ? part.callId : ""))).toEqual(due);
      expect([...running], "tools whose end was not told").toEqual([]);
      due = [];
    }
  }
  expect(said, "text without its message").toBe("");
  expect(due, "calls without results").toEqual([]);
  expect([...running]).toEqual([]);
}

function messagesOf(events: readonly RunEvent[], role: string) {
  return events.flatMap((event) =>
    event.type === "message.completed" && event.message.role === role ? [event.message] : [],
  );
}

async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

function live(): AbortSignal {
  return new AbortController().signal;
}

async function expectNoneOpen(subject: AgentRunnerSubject): Promise<void> {
  await expect.poll(() => subject.open(), { timeout: 5000, interval: 5 }).toBe(0);
}
