import { describe, expect, test } from "vitest";
import type { Compacted, CompactOptions } from "../../src/agent/agent-runner.ts";
import { type Message, textOf, userMessage } from "../../src/agent/message.ts";
import { cutAt, estimateTokens, summaryMessage } from "../../src/agent/replay-window.ts";
import { TokenGauge } from "../../src/agent/token-gauge.ts";
import { turnText } from "../../src/agent/turn-text.ts";
import { rememberingModel } from "../fakes/remembering-model.ts";
import { callTool, failWith, finish, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { manualClock } from "./manual-clock.ts";
import { answer, card, cloneOf, protocol, runIt } from "./run-it.ts";

const long = " word".repeat(100);
const turns = (count: number): Message[] =>
  Array.from({ length: count }, (_, n) => [userMessage(`question ${n}${long}`), answer(`answer ${n}${long}`)]).flat();

/** Sums up as whoever keeps the history does, into these words. */
function compactor(history: readonly Message[], made: Partial<Compacted> = {}) {
  const asked: CompactOptions[] = [];
  const compact = async (options: CompactOptions): Promise<Compacted> => {
    asked.push(options);
    const kept = history.slice(cutAt(history, { maxTokens: options.keepTokens }));
    return { history: [summaryMessage("Summed up."), ...kept], failed: false, usages: [], ...made };
  };
  return { asked, compact };
}

describe("before a step", () => {
  test("a history that leaves room is sent as it is, byte for byte as the last time", async () => {
    const history = turns(10);
    const { asked, compact } = compactor(history);
    const model = scriptedModel("Noon.", "Noon.");
    const gauge = new TokenGauge(4000);
    await runIt(cloneOf({ model, history, compact, gauge }));
    const turn = [userMessage("and now?")];
    await runIt(cloneOf({ model, history: [...history, ...turns(1)], turn, compact, gauge }));
    expect(asked).toEqual([]);
    expect(model.requests[1]!.messages.slice(0, 20)).toEqual(model.requests[0]!.messages.slice(0, 20));
  });

  test("a history that fills the window is summed up in one big step, which is told and paid for", async () => {
    const history = turns(10);
    const usages = [{ model: "cheap", usage: { inputTokens: 50, outputTokens: 5 } }];
    const { asked, compact } = compactor(history, { usages });
    const model = scriptedModel("Noon.");
    const gauge = new TokenGauge(3500);
    const events = await runIt(cloneOf({ model, history, compact, gauge }));
    expect(asked).toMatchObject([{ keepTokens: 875, windowTokens: 3500, worth: 350 }]);
    const sent = model.requests[0]!.messages;
    expect(sent.map(({ role }) => role)).toEqual(["user", ...turns(2).map(({ role }) => role), "user"]);
    expect(sent.slice(1, -1)).toEqual(history.slice(-4));
    const after = estimateTokens(sent.slice(0, -1));
    expect(protocol(events).slice(0, 3)).toEqual([
      "step 1",
      "usage cheap 50/5",
      `compacted ${estimateTokens(history)} to ${after}`,
    ]);
  });

  test("what is missing from a history is summed up however short it is, once a run", async () => {
    const { asked, compact } = compactor(turns(2));
    const model = scriptedModel(callTool("look"), "Noon.");
    const tools = scriptedTools({ look: { answer: "noon" } });
    await runIt(cloneOf({ model, tools, history: turns(2), compact, mustCompact: true }));
    expect(asked.map(({ worth }) => worth)).toEqual([0]);
  });

  test("instruction and tools count, and what the model reported before", async () => {
    const history = turns(4);
    const asks = async (gauge: TokenGauge, instruction = "Help.") => {
      const { asked, compact } = compactor(history);
      await runIt(cloneOf({ model: scriptedModel("Noon."), history, compact, gauge, card: { ...card, instruction } }));
      return asked.length;
    };
    expect(await asks(new TokenGauge(2000))).toBe(0);
    expect(await asks(new TokenGauge(2000), "Help. ".repeat(500))).toBe(1);
    expect(await asks(new TokenGauge(2000, 1.8))).toBe(1);
    expect(await asks(new TokenGauge(1000, 0.5))).toBe(0);
  });

  test("fault-31: what cannot be summed up and does not fit is left out, and the model is told", async () => {
    const history = turns(10);
    const { asked, compact } = compactor(history, { history: null, failed: true });
    const model = scriptedModel("Noon.");
    const events = await runIt(cloneOf({ model, history, compact, gauge: new TokenGauge(2000) }));
    const sent = model.requests[0]!.messages;
    expect(turnText(sent[0]!)).toMatch(/\[10 older messages are left out here\]/);
    expect(sent.slice(1, -1)).toEqual(history.slice(10));
    expect(protocol(events)).toEqual(["step 1", "“Noon.”", "assistant complete: Noon.", "completed: stop"]);
    expect(asked).toHaveLength(1);
  });
});

describe("a run that grows too long for itself", () => {
  const tools = scriptedTools({
    look: { answer: (args) => `FACT ${JSON.parse(args).name} = found ${"x".repeat(600)}` },
  });
  const look = (name: string) => [callTool("look", { name }), finish("stop")];

  test("has its older steps summed up, but for the newest three; what was asked stays, and so do all its messages", async () => {
    const remembering = rememberingModel({ window: 1_000_000 });
    const steps = ["a", "b", "c", "d", "e", "f", "g"].map(look);
    const scripted = scriptedModel(...steps, "Done.");
    const summing = {
      stream: (request: Parameters<typeof scripted.stream>[0], signal: AbortSignal) =>
        request.instruction.startsWith("You keep")
          ? remembering.stream(request, signal)
          : scripted.stream(request, signal),
    };
    const turn = [userMessage("look at a to g")];
    const events = await runIt(cloneOf({ model: summing, tools, turn, gauge: new TokenGauge(2000) }));

    const last = scripted.requests.at(-1)!.messages;
    expect(last[0]).toEqual(turn[0]);
    expect(turnText(last[1]!)).toMatch(/FACT a = found\n> FACT b = found/);
    // The three that stayed then, and one after it.
    expect(last.slice(2).map(({ role }) => role)).toEqual(
      Array.from({ length: 4 }, () => ["assistant", "tool"]).flat(),
    );
    for (const { messages } of scripted.requests) expect(estimateTokens(messages)).toBeLessThan(2000);
    const completed = events.filter(({ type }) => type === "message.completed");
    expect(completed).toHaveLength(15);
    expect(protocol(events).filter((line) => line.startsWith("compacted")).length).toBeGreaterThan(0);
  });

  test("keeps what joined it meanwhile", async () => {
    const remembering = rememberingModel({ window: 1_000_000 });
    const scripted = scriptedModel(...["a", "b", "c", "d", "e", "f"].map(look), "Done.");
    const summing = {
      stream: (request: Parameters<typeof scripted.stream>[0], signal: AbortSignal) =>
        request.instruction.startsWith("You keep")
          ? remembering.stream(request, signal)
          : scripted.stream(request, signal),
    };
    let steered = false;
    const steer = async () => {
      if (steered || scripted.requests.length < 1) return [];
      steered = true;
      return [{ messageId: "msg_1" as never, message: userMessage("and be quick") }];
    };
    await runIt(cloneOf({ model: summing, tools, steer, gauge: new TokenGauge(2000) }));
    const last = scripted.requests.at(-1)!.messages;
    expect(last.filter(({ role }) => role === "user").map(textOf)).toEqual(["what time is it?", "and be quick", ""]);
  });

  test("goes on as it is where it cannot be summed up", async () => {
    const model = scriptedModel(...["a", "b", "c", "d", "e"].map(look), failWith("refused"), "Done.");
    const events = await runIt(cloneOf({ model, tools, gauge: new TokenGauge(1500) }));
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
  });
});

describe("fault-31: a context that is too long", () => {
  const tooLong = failWith("context_too_long", { message: "The talk is too long." });

  test("is summed up and asked once more, and the model's window is smaller from then on", async () => {
    const history = turns(10);
    const { asked, compact } = compactor(history);
    const model = scriptedModel(tooLong, "Noon.");
    const gauge = new TokenGauge();
    const events = await runIt(cloneOf({ model, history, compact, gauge }));
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
    expect(asked).toMatchObject([{ worth: 0, windowTokens: gauge.window }]);
    expect(gauge.window).toBeLessThan(4000);
    expect(turnText(model.requests[1]!.messages[0]!)).toContain("Summed up.");
  });

  test("is halved where it cannot be summed up, and where that was not enough", async () => {
    const history = turns(10);
    for (const made of [{ history: null, failed: true }, {}]) {
      const { compact } = compactor(history, made);
      const model = scriptedModel(tooLong, ...(made.failed ? [] : [tooLong]), "Noon.");
      const events = await runIt(cloneOf({ model, history, compact }));
      expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
      expect(turnText(model.requests.at(-1)!.messages[0]!)).toContain("older messages are left out here");
    }
  });

  test("is told when all that was not enough", async () => {
    const { compact } = compactor(turns(10));
    const model = scriptedModel(tooLong, tooLong, tooLong, "late");
    const events = await runIt(cloneOf({ model, history: turns(10), compact }));
    expect(protocol(events).at(-1)).toMatch(/^failed model_context_too_long/);
    expect(model.requests).toHaveLength(3);
  });

  test("of a run's own steps is summed up but for the newest", async () => {
    const tools = scriptedTools({ look: { answer: "x".repeat(3000) } });
    const look = [callTool("look")];
    const model = scriptedModel(look, [callTool("look", { n: 1 })], look, tooLong, "All looked at.", "Done.");
    const events = await runIt(cloneOf({ model, tools }));
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
    const last = model.requests.at(-1)!.messages;
    expect(last.map(({ role }) => role)).toEqual(["user", "user", "assistant", "tool"]);
    expect(turnText(last[1]!)).toContain("> All looked at.");
  });
});

test("an abort while something is summed up ends the run", async () => {
  const abort = new AbortController();
  const compact = async (): Promise<Compacted> => {
    abort.abort();
    return { history: null, failed: true, usages: [] };
  };
  const model = scriptedModel("late");
  const clock = manualClock();
  const gauge = new TokenGauge(1000);
  const events = await runIt(cloneOf({ model, history: turns(10), compact, gauge }), { signal: abort.signal, clock });
  expect(events.at(-1)).toMatchObject({ type: "run.cancelled" });
});
