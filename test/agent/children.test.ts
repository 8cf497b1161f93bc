import { describe, expect, test } from "vitest";
import type { AgentCard, Children } from "../../src/agent/agent-card.ts";
import { HAND_OVER } from "../../src/agent/agent-runner.ts";
import { type ChildrenOptions, withChildren } from "../../src/agent/children.ts";
import { createNativeRunner } from "../../src/agent/loop.ts";
import { textOf, userMessage } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";
import { callTool, failWith, finish, hold, type ModelStep, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools, untilAbort } from "../fakes/scripted-tools.ts";
import { manualClock } from "./manual-clock.ts";
import { everyRunner, moduleCard } from "./outside-cards.ts";
import { answer, asks, card, cloneOf, gives, protocol, runIt } from "./run-it.ts";

const CHILDREN: Children = {
  agents: [],
  historySource: "none",
  mergeTarget: "none",
  maxParallel: null,
  timeoutMs: null,
  maxLines: null,
};

const agent = (name: string, more: Partial<AgentCard> = {}): AgentCard => {
  return { ...card, name, default: false, instruction: `You are ${name}.`, ...more };
};

const calling = (...agents: string[]): Partial<AgentCard> => ({ children: { ...CHILDREN, agents } });

/** What each agent says, step by step, whoever is asked first. */
function cast(parts: Record<string, ModelStep[]>) {
  const left = new Map(Object.entries(parts).map(([name, steps]) => [`You are ${name}.`, [...steps]]));
  const play = (request: ModelRequest): ModelStep => left.get(request.instruction)?.shift() ?? failWith("refused");
  return scriptedModel(...Array.from({ length: 400 }, () => play));
}

interface Scene {
  /** The first is the parent. */
  cards: AgentCard[];
  steps: Record<string, ModelStep[]>;
  tools?: ToolSource;
  options?: Partial<ChildrenOptions>;
  clone?: Partial<Parameters<typeof cloneOf>[0]>;
}

function set({ cards, steps, tools = scriptedTools({}), options, clone }: Scene) {
  const [parent = card] = cards;
  const model = cast(steps);
  const clock = options?.clock ?? manualClock();
  const family: ChildrenOptions = {
    find: (name) => cards.find((each) => each.name === name) ?? null,
    toolsOf: () => tools,
    runner: createNativeRunner({ random: () => 0.5 }),
    model,
    images: new Map(),
    today: "2026-11-28",
    clock,
    ...options,
  };
  const spawned = cloneOf({ card: parent, model, tools: withChildren(parent, scriptedTools({}), family), ...clone });
  const asked = (name: string) => model.requests.filter(({ instruction }) => instruction === `You are ${name}.`);
  return { clone: spawned, model, asked };
}

const ask = (name: string, message = "go", callId = `to_${name}`) => callTool(`agent__${name}`, { message }, callId);

describe("an agent as a tool", () => {
  test("hides nothing of what the tools beside it tell", async () => {
    const own: ToolSource = { ...scriptedTools({}), unreachable: () => ["mail"] };
    const { clone, model } = set({
      cards: [agent("boss", calling("clerk")), agent("clerk")],
      steps: { boss: ["Hm."] },
    });
    const family = { find: () => agent("clerk"), toolsOf: () => own, runner: createNativeRunner(), model };
    const tools = withChildren(clone.card, own, { ...family, images: new Map(), today: "" });
    expect(tools.unreachable?.()).toEqual(["mail"]);
  });

  test("security-22: ends, and its caller after it, once the run has used what it may", async () => {
    const tools = scriptedTools({ look: { answer: "seen" } });
    const looks = [1, 2, 3].map((n) => callTool("look", { n }, `c${n}`));
    const steps = { boss: [ask("clerk"), ask("clerk", "again", "again")], clerk: looks };
    const usedUp = () => tools.calls.length > 0;
    const cards = [agent("boss", calling("clerk")), agent("clerk")];
    const { clone, asked } = set({ cards, steps, tools, options: { usedUp }, clone: { usedUp } });
    const events = await runIt(clone);
    expect([asked("clerk").length, asked("boss").length, tools.calls.length]).toEqual([2, 2, 1]);
    const told = asked("boss")[1]?.messages.at(-1)?.parts[0];
    expect(told).toMatchObject({ ok: false, text: expect.stringContaining("Budget exhausted") });
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "budget" });
  });

  test("is described by its card, and runs with a history of its own", async () => {
    const cards = [
      agent("boss", calling("clerk", "guide")),
      agent("clerk", { description: "Knows the files." }),
      agent("guide", { inputSchema: { type: "object", properties: { place: { type: "string" } } } }),
    ];
    const steps = {
      boss: [[ask("clerk", "find it"), callTool("agent__guide", { place: "Bern" }, "to_guide")], "Done."],
      clerk: ["It is found."],
      guide: ["Go there."],
    };
    const { clone, asked } = set({ cards, steps, clone: { history: [userMessage("before"), answer("yes")] } });
    const events = await runIt(clone);
    expect(asked("boss")[0]?.tools.map(({ name, description }) => [name, description])).toEqual([
      ["agent__clerk", "Knows the files."],
      ["agent__guide", "You are guide."],
    ]);
    expect(asked("boss")[0]?.tools[0]?.schema).toMatchObject({ required: ["message"] });
    expect(asked("clerk")[0]?.messages).toEqual([userMessage("find it")]);
    expect(asked("guide")[0]?.messages).toEqual([userMessage('{"place":"Bern"}')]);
    expect(asked("clerk")[0]?.tools).toEqual([]);
    expect(asked("boss")[1]?.messages.at(-1)?.parts).toEqual([
      { type: "tool_result", callId: "to_clerk", ok: true, text: "It is found." },
      { type: "tool_result", callId: "to_guide", ok: true, text: "Go there." },
    ]);
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
  });

  test("tells its events within its parent's, and its usage as the run's", async () => {
    const cards = [agent("boss", calling("clerk")), agent("clerk")];
    const usage = { inputTokens: 7, outputTokens: 3 };
    const steps = {
      boss: [ask("clerk"), "Done."],
      clerk: [
        ["Let me see.", callTool("look", {}, "l")],
        ["Here ", "it is.", finish("stop", usage)],
      ],
    };
    const tools = scriptedTools({ look: { answer: "a file" } });
    const { clone } = set({ cards, steps, tools });
    const events = await runIt(clone);
    expect(protocol(events)).toEqual([
      "step 1",
      'assistant complete: agent__clerk({"message":"go"})',
      'agent__clerk({"message":"go"}) started',
      "clerk[1] run.started",
      "clerk[1] step 1",
      "clerk[1] assistant complete: Let me see. + look({})",
      "clerk[1] look({}) started",
      "clerk[1] look ok: a file",
      "clerk[1] tool complete: l ok: a file",
      "clerk[1] step 2",
      "clerk[1] assistant complete: Here it is.",
      "usage scripted 7/3",
      "clerk[1] completed: stop",
      "agent__clerk ok: Here it is.",
      "tool complete: to_clerk ok: Here it is.",
      "step 2",
      "“Done.”",
      "assistant complete: Done.",
      "completed: stop",
    ]);
    expect(events.find(({ type }) => type === "usage")).toHaveProperty("callId", "to_clerk");
  });

  test("tells how far its tools are", async () => {
    const cards = [agent("boss", calling("clerk")), agent("clerk")];
    const tools: ToolSource = {
      ...scriptedTools({ look: { answer: "" } }),
      async call({ callId }, _signal, context) {
        await context?.report({ type: "tool.progress", callId, progress: 1, total: 2, text: "page" });
        return { ok: true, text: "a file" };
      },
    };
    const steps = { boss: [ask("clerk"), "Done."], clerk: [callTool("look", {}, "l"), "Here."] };
    const told = protocol(await runIt(set({ cards, steps, tools }).clone));
    expect(told.slice(told.indexOf("clerk[1] look({}) started") + 1).slice(0, 2)).toEqual([
      "clerk[1] l at 1/2: page",
      "clerk[1] look ok: a file",
    ]);
  });

  test("that fails, or stops while it wants tools, is a failed call", async () => {
    const cards = [agent("boss", calling("clerk", "guide")), agent("clerk"), agent("guide", { maxSteps: 1 })];
    const steps = {
      boss: [[ask("clerk"), ask("guide")], "Alas."],
      clerk: [failWith("refused", { message: "No such model." })],
      guide: [callTool("look")],
    };
    const { clone } = set({ cards, steps, tools: scriptedTools({ look: { answer: "x" } }) });
    const lines = protocol(await runIt(clone));
    expect(lines).toContain("agent__clerk error: agent__clerk failed: No such model.");
    expect(lines.join("\n")).toContain("agent__guide error: agent__guide failed: Runtime budget exhausted");
    expect(lines).toContain("clerk[1] failed model_refused: No such model.");
    expect(lines.at(-1)).toBe("completed: stop");
  });

  test("that takes too long is ended, and so is its tool; the others answer", async () => {
    const clock = manualClock();
    const cards = [
      agent("boss", { children: { ...CHILDREN, agents: ["clerk", "guide"], timeoutMs: 1500 } }),
      agent("clerk"),
      agent("guide"),
    ];
    const reached = Promise.withResolvers<AbortSignal>();
    const tools = scriptedTools({
      wait: { answer: (_args, signal) => (reached.resolve(signal), untilAbort(signal)) },
    });
    const steps = { boss: [[ask("clerk"), ask("guide")], "Half."], clerk: [callTool("wait")], guide: ["Go."] };
    const { clone } = set({ cards, steps, tools, options: { clock } });
    const running = runIt(clone);
    const signal = await reached.promise;
    clock.advance(1500);
    const lines = protocol(await running);
    expect(signal.aborted).toBe(true);
    expect(lines).toContain("agent__clerk error: agent__clerk failed: It had no answer within 1.5 s.");
    expect(lines).toContain("clerk[1] failed timeout: It had no answer within 1.5 s.");
    expect(lines).toContain("agent__guide ok: Go.");
    expect(clock.sleeping).toBe(0);
  });

  test("runs beside others as its parent's card allows, each by its number", async () => {
    const cards = [agent("boss", { children: { ...CHILDREN, agents: ["clerk"], maxParallel: 2 } }), agent("clerk")];
    const pauses = [hold(), hold(), hold()];
    const steps = {
      boss: [[ask("clerk", "1", "a"), ask("clerk", "2", "b"), ask("clerk", "3", "c")], "Done."],
      clerk: pauses.map((pause, index): ModelStep => [pause, `Answer ${index + 1}.`]),
    };
    const { clone, asked } = set({ cards, steps });
    const running = runIt(clone);
    await Promise.all([pauses[0]!.reached, pauses[1]!.reached]);
    // Whoever did not wait would be there by now.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(asked("clerk")).toHaveLength(2);
    pauses[1]!.release();
    await pauses[2]!.reached;
    pauses[0]!.release();
    pauses[2]!.release();
    const lines = protocol(await running);
    expect(lines).toContain("tool complete: a ok: Answer 1. + b ok: Answer 2. + c ok: Answer 3.");
    expect(lines.filter((line) => line.endsWith("run.started"))).toEqual([
      "clerk[1] run.started",
      "clerk[2] run.started",
      "clerk[3] run.started",
    ]);
  });

  test("may call agents of its own; one answer has no more than fifty calls in all", async () => {
    const cards = [agent("boss", calling("clerk")), agent("clerk", calling("guide")), agent("guide")];
    const many = Array.from({ length: 7 }, (_, index) => ask("guide", "go", `g${index}`));
    const bosses = Array.from({ length: 7 }, (_, index) => ask("clerk", "go", `c${index}`));
    const steps = {
      boss: [bosses, "Done."],
      clerk: Array.from({ length: 14 }, (_, index): ModelStep => (index < 7 ? many : "So.")),
      guide: Array.from({ length: 60 }, () => "Go."),
    };
    const { clone, asked } = set({ cards, steps });
    const lines = protocol(await runIt(clone));
    expect(asked("clerk").length - 7 + asked("guide").length).toBe(50);
    expect(lines.filter((line) => line.includes("agent__guide error"))).toHaveLength(6);
    expect(lines.join("\n")).toContain("not called: one answer may call agents 50 times");
    expect(lines).toContain("clerk[1] guide[1] completed: stop");
    expect(lines.at(-1)).toBe("completed: stop");
  });
});

describe("what it begins with", () => {
  const seed = [userMessage("Buongiorno."), answer("Salve.")];
  const history = [userMessage("before"), answer("yes")];
  const turn = [userMessage("now")];
  const start = async (historySource: Children["historySource"]) => {
    const cards = [
      agent("boss", { children: { ...CHILDREN, agents: ["clerk"], historySource } }),
      agent("clerk", { seed, useHistory: false }),
    ];
    const steps = { boss: [callTool("none", {}, "n"), ask("clerk"), "Done."], clerk: ["Yes."] };
    const { clone, asked } = set({ cards, steps, clone: { history, turn } });
    await runIt(clone);
    return asked("clerk")[0]?.messages;
  };

  test("is nothing, unless its parent's card says otherwise", async () => {
    expect(await start("none")).toEqual([userMessage("go")]);
  });

  test("is its own card's messages", async () => {
    expect(await start("messages")).toEqual([...seed, userMessage("go")]);
  });

  test("is all its parent knows, but the call itself", async () => {
    const found = [
      { type: "tool_result" as const, callId: "n", ok: false, text: 'There is no tool "none". Tools: agent__clerk.' },
    ];
    const before = [...history, ...turn, asks(["n", "none"]), { ...gives(), parts: found }];
    expect(await start("orchestrator")).toEqual([...before, userMessage("go")]);
  });
});

test("its parent reads all it did, where its card says so", async () => {
  const cards = [
    agent("boss", { children: { ...CHILDREN, agents: ["clerk"], mergeTarget: "orchestrator" } }),
    agent("clerk"),
  ];
  const steps = { boss: [ask("clerk"), "Done."], clerk: [["I look.", callTool("look")], "Found."] };
  const { clone } = set({ cards, steps, tools: scriptedTools({ look: { answer: "a file" } }) });
  expect(protocol(await runIt(clone))).toContain(
    "agent__clerk ok: I look.\n\n[calls look {}]\n\n[result: a file]\n\nFound.",
  );
});

describe("a run that ends", () => {
  const cards = [agent("boss", calling("clerk")), agent("clerk")];
  const stopped = async (reason: unknown, readOnly: boolean) => {
    const controller = new AbortController();
    const reached = Promise.withResolvers<AbortSignal>();
    const tools = scriptedTools({
      wait: { readOnly, answer: (_args, signal) => (reached.resolve(signal), untilAbort(signal)) },
    });
    const { clone, model } = set({ cards, steps: { boss: [ask("clerk")], clerk: [callTool("wait")] }, tools });
    const running = runIt(clone, { signal: controller.signal });
    const signal = await reached.promise;
    controller.abort(reason);
    const lines = protocol(await running);
    expect(signal.aborted).toBe(true);
    expect(model.open).toBe(0);
    return lines;
  };

  test("ends its children and their tools", async () => {
    const lines = await stopped(undefined, true);
    expect(lines.slice(-2)).toEqual([expect.stringMatching(/^tool complete: to_clerk error/), "cancelled"]);
  });

  test("by a hand-over leaves the call open for the next attempt, where it is sure to change nothing", async () => {
    const lines = await stopped(HAND_OVER, true);
    expect(lines.at(-1)).toBe("cancelled");
    expect(lines.filter((line) => line.startsWith("agent__clerk error"))).toEqual([]);
  });

  test("by a hand-over tells what may have changed something", async () => {
    const lines = await stopped(HAND_OVER, false);
    expect(lines.join("\n")).toContain("It was stopped; what it had done by then stays done.");
  });
});

test("a call in flight at a crash is made again only if all the agent's tools may be", async () => {
  const boss = agent("boss", calling("clerk"));
  for (const [afterCrash, answers] of [
    ["repeat", "clerk[1] completed: stop"],
    ["skip", "agent__clerk error: no result: the process was restarted; it may have taken effect"],
  ] as const) {
    const tools = scriptedTools({ send: { readOnly: false, afterCrash, answer: "sent" } });
    const { clone } = set({
      cards: [boss, agent("clerk")],
      steps: { boss: ["Done."], clerk: ["Sent."] },
      tools,
      clone: { kept: [asks(["a", "agent__clerk", '{"message":"go"}'])], inFlight: new Set(["a"]) },
    });
    expect(protocol(await runIt(clone))).toContain(answers);
  }
});

test("an agent that runs elsewhere is a tool like another, and what it may do is unknown", async () => {
  const coder = moduleCard(async function* ({ turn, session }) {
    yield `Done: ${turn.map(textOf).join("")}${session ?? ""}`;
  });
  const { clone } = set({
    cards: [agent("boss", calling("coder")), coder],
    steps: { boss: [ask("coder", "tidy up"), "All is tidy."] },
    options: { runner: everyRunner() },
  });
  expect((await clone.tools.list()).find(({ name }) => name === "agent__coder")).toMatchObject({
    description: "coder",
    readOnly: false,
    afterCrash: "skip",
  });
  expect(protocol(await runIt(clone))).toContain("tool complete: to_coder ok: Done: tidy up");
});
