import { describe, expect, test } from "vitest";
import type { Clone } from "../../src/agent/agent-runner.ts";
import { createNativeRunner } from "../../src/agent/loop.ts";
import { textOf, userMessage } from "../../src/agent/message.ts";
import type { AgentModule, OutsideLimits } from "../../src/agent/outside-agent.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { agentRunnerContract, expectWhole } from "../contract/agent-runner.ts";
import { callTool, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { everyRunner, moduleCard, outsideClone } from "./outside-cards.ts";
import { manualClock } from "./manual-clock.ts";
import { answer, protocol } from "./run-it.ts";

const forever = () => new Promise<never>(() => {});

agentRunnerContract("an agent of code", async () => {
  let open = 0;
  const clone = (module: AgentModule) =>
    outsideClone(
      moduleCard(async function* (given, signal) {
        open++;
        signal.addEventListener("abort", () => open--, { once: true });
        yield* module(given, signal);
      }),
    );
  return {
    runner: everyRunner(),
    answering: () =>
      clone(async function* () {
        yield "It is ";
        yield { type: "text.delta", text: "noon." };
      }),
    text: "It is noon.",
    stalling: () =>
      clone(async function* () {
        yield "It is n";
        await forever();
      }),
    failing: () =>
      clone(async function* () {
        yield await Promise.reject(new Error("no"));
      }),
    open: () => open,
    close: async () => {},
  };
});

async function run(module: AgentModule, limits: Partial<OutsideLimits> = {}, change: Partial<Clone> = {}) {
  const events: RunEvent[] = [];
  const clone = { ...outsideClone(moduleCard(module, limits)), ...change };
  for await (const event of everyRunner().run(clone, new AbortController().signal)) events.push(event);
  expectWhole(events);
  return events;
}

describe("a module", () => {
  test("is told the history, the turn and what joined it, and may change its copy of them", async () => {
    const joining = { messageId: "msg_1" as never, message: userMessage("and there?") };
    const events = await run(
      async function* ({ history, turn }) {
        yield [...history, ...turn].map(textOf).join(" | ");
        (turn as unknown[]).length = 0;
      },
      {},
      {
        history: [userMessage("hi"), answer("hello")],
        turn: [userMessage("what time is it?")],
        steer: async () => [joining],
      },
    );
    expect(protocol(events)).toEqual([
      "user complete: and there?",
      "“hi | hello | what time is it? | and there?”",
      "assistant complete: hi | hello | what time is it? | and there?",
      "completed: stop",
    ]);
  });

  test("shows its tools and tells its usage; tools that it leaves open end with the run", async () => {
    const events = await run(async function* () {
      yield { type: "tool.started", callId: "1", tool: "search", args: "{}", readOnly: true };
      yield { type: "tool.finished", callId: "1", tool: "search", ok: true, ms: 5, text: "found" };
      yield { type: "tool.started", callId: "2", tool: "read", args: "{}", readOnly: true };
      yield "Found it.";
      yield { type: "usage", model: "own", usage: { inputTokens: 3, outputTokens: 2 } };
    });
    expect(protocol(events)).toEqual([
      "search({}) started",
      "search ok: found",
      "read({}) started",
      "“Found it.”",
      "usage own 3/2",
      "read ok: ",
      "assistant complete: Found it.",
      "completed: stop",
    ]);
  });

  test("may hand on the events of another runner; calls and results stay its own", async () => {
    const inner = createNativeRunner();
    const model = scriptedModel(["Let me see. ", callTool("look")], "It is noon.");
    const events = await run(
      (clone, signal) => inner.run(clone, signal),
      {},
      { model, tools: scriptedTools({ look: { answer: "noon" } }) },
    );
    expect(protocol(events)).toEqual([
      "“Let me see. ”",
      "look({}) started",
      "look ok: noon",
      "“\n\nIt is noon.”",
      "assistant complete: Let me see. \n\nIt is noon.",
      "completed: stop",
    ]);
  });

  test("that throws after some words leaves them, marked, and the operator the cause", async () => {
    const cause = new Error("secret of the code");
    const events = await run(async function* () {
      yield "Half a ";
      yield await Promise.reject(cause);
    });
    expect(protocol(events).slice(1)).toEqual([
      "assistant truncated: Half a ",
      "failed agent_failed: The agent has failed. The answer is not complete; write “continue” to go on.",
    ]);
    expect(events.at(-1)).toMatchObject({ cause });
  });

  test("that is no generator, or throws before it is one, fails its run alone", async () => {
    for (const module of [() => undefined, () => ({}), () => Promise.reject(new Error("no")).catch(() => 1)]) {
      expect(protocol(await run(module as never))).toEqual([
        "failed agent_failed: The agent has failed. Please ask again.",
      ]);
    }
    const thrower = () => {
      throw new Error("no");
    };
    expect(protocol(await run(thrower)).at(-1)).toMatch(/^failed agent_failed/);
  });

  test("that says what it failed of is believed", async () => {
    const events = await run(async function* () {
      yield { type: "run.failed", code: "anything", message: "The archive is closed today." };
      yield "never heard";
    });
    expect(protocol(events)).toEqual(["failed agent_failed: The archive is closed today."]);
  });

  test("whose last word is said says no more", async () => {
    const events = await run(async function* () {
      yield "All.";
      yield { type: "run.completed", stopReason: "stop" };
      yield "more";
      throw new Error("late");
    });
    expect(protocol(events)).toEqual(["“All.”", "assistant complete: All.", "completed: stop"]);
  });

  test("that says nothing gave an empty answer", async () => {
    expect(protocol(await run(async function* () {}))).toEqual([
      "failed empty_answer: The agent gave an empty answer.",
    ]);
  });

  test.each([
    7,
    null,
    undefined,
    {},
    [],
    { type: "text.delta", text: 7 },
    { type: "usage", model: "m", usage: { inputTokens: Number.NaN, outputTokens: 1 } },
    { type: "tool.started", callId: {}, tool: "x" },
    { type: "run.exploded" },
    { type: "text.delta", text: 1n },
    Symbol("no"),
    () => 1,
  ])("that yields nonsense fails: %o", async (value) => {
    const events = await run(async function* () {
      yield value as never;
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: "run.failed", code: "agent_failed" });
    expect(String((events[0] as { cause?: Error }).cause?.message)).toMatch(/which is no event of a run$/);
  });

  test("that never stops talking is cut, and the process looks after others meanwhile", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const events = await run(async function* () {
      for (;;) yield "x".repeat(1000);
    });
    clearInterval(timer);
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "length" });
    expect(turns).toBeGreaterThan(0);
  });

  test("that never stops telling of nothing fails", async () => {
    const events = await run(async function* () {
      for (;;) yield { type: "step.started", step: 1 };
    });
    expect(protocol(events).at(-1)).toMatch(/^failed agent_failed/);
  });
});

describe("a module that does not come back", () => {
  /** The run of a module that says `words` and then nothing, ignoring its signal. */
  function stuck(words: string[], limits: Partial<OutsideLimits>) {
    const clock = manualClock();
    const stuckModule: AgentModule = async function* () {
      yield* words;
      await forever();
    };
    const controller = new AbortController();
    const events: RunEvent[] = [];
    const runner = everyRunner({ clock });
    const done = (async () => {
      for await (const event of runner.run(outsideClone(moduleCard(stuckModule, limits)), controller.signal))
        events.push(event);
    })();
    return { clock, controller, events, done };
  }

  const settle = () => new Promise((resolve) => setImmediate(resolve));

  test.each([
    [[], { firstMs: 100 }, "failed model_first_token_timeout: The agent did not begin to answer in time."],
    [["Hm"], { idleMs: 100 }, "failed model_idle_timeout: The agent stopped in the middle of its answer."],
    [["Hm"], { totalMs: 100 }, "failed timeout: This took too long and was ended."],
  ])("after %j with %j", async (words, limits, last) => {
    const { clock, events, done } = stuck(words, limits);
    await settle();
    clock.advance(100);
    await done;
    expectWhole(events);
    expect(protocol(events).at(-1)).toContain(last);
    expect(clock.sleeping).toBe(0);
  });

  test("is left at once by a stop", async () => {
    const { controller, events, done } = stuck(["Hm"], {});
    await settle();
    controller.abort();
    await done;
    expect(protocol(events)).toEqual(["“Hm”", "assistant interrupted: Hm", "cancelled"]);
  });
});
