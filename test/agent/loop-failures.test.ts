import { describe, expect, test } from "vitest";
import { userMessage } from "../../src/agent/message.ts";
import type { ModelClient } from "../../src/agent/model-client.ts";
import { summaryMessage } from "../../src/agent/replay-window.ts";
import { callTool, failWith, finish, scriptedModel, think, type ModelStep } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { hurriedClock } from "./manual-clock.ts";
import { answer, cloneOf, protocol, runIt } from "./run-it.ts";

const tools = scriptedTools({ look: { answer: "noon" } });

async function play(...steps: ModelStep[]) {
  const model = scriptedModel(...steps);
  const clock = hurriedClock();
  const events = await runIt(cloneOf({ model, tools }), { clock });
  const waits = clock.waits.filter((ms) => ms !== 15_000 && ms !== 300_000);
  // Whatever was thought.
  const lines = protocol(events.filter(({ type }) => type !== "reasoning.delta"));
  return { lines, asked: model.requests.length, waits, events };
}

describe("a model step that fails before a word was said", () => {
  test.each(["retryable", "truncated", "first_token_timeout", "idle_timeout"] as const)(
    "is asked again twice when it is %s, with growing waits",
    async (kind) => {
      const { lines, asked, waits } = await play(
        failWith(kind),
        [think("hm"), "\n", callTool("look"), failWith(kind)],
        "Noon.",
      );
      expect(lines).toEqual(["step 1", "“Noon.”", "assistant complete: Noon.", "completed: stop"]);
      expect(asked).toBe(3);
      expect(waits).toEqual([500, 1000]);
    },
  );

  test("fails the run after two retries, with one sentence", async () => {
    const { lines, asked, events } = await play(
      failWith("retryable"),
      failWith("retryable"),
      failWith("retryable"),
      "late",
    );
    expect(asked).toBe(3);
    expect(lines).toEqual(["step 1", "failed model_unavailable: The model failed: retryable. Please try again later."]);
    expect(events.at(-1)).toHaveProperty("cause");
  });

  test("is not asked again when it was refused", async () => {
    const { lines, asked } = await play(failWith("refused", { message: "The model does not accept the key" }));
    expect(lines).toEqual(["step 1", "failed model_refused: The model does not accept the key."]);
    expect(asked).toBe(1);
  });

  test("fault-30: is asked again after the Retry-After, and a long wait is told", async () => {
    const busy = failWith("retryable", { message: "The model is busy.", retryAfterMs: 12_000 });
    const { lines, waits } = await play(busy, "Noon.");
    expect(waits).toEqual([12_000]);
    expect(lines.slice(0, 2)).toEqual(["step 1", "info: The model is busy; trying again in 12 s."]);
    expect(lines.at(-1)).toBe("completed: stop");
  });

  test("fault-30: ends the run with a clear sentence when the Retry-After is longer than a minute", async () => {
    const busy = failWith("retryable", { message: "The model is busy.", retryAfterMs: 300_000 });
    const { lines, asked, waits } = await play(busy);
    expect(lines).toEqual(["step 1", "failed model_busy: The model is busy. Please try again in 5 minutes."]);
    expect([asked, waits]).toEqual([1, []]);
  });
});

describe("a model step that fails after a word was said", () => {
  test("fault-28: keeps the partial text, marked, fails the run and is never asked again", async () => {
    const { lines, asked } = await play([
      "It is n",
      callTool("look"),
      failWith("truncated", { message: "It broke off." }),
    ]);
    expect(lines).toEqual([
      "step 1",
      "“It is n”",
      "assistant truncated: It is n",
      "failed model_truncated: It broke off. The answer is not complete; write “continue” to go on.",
    ]);
    expect(asked).toBe(1);
  });

  test("fault-26: a stall in the middle ends like that too", async () => {
    const { lines } = await play(["It is n", failWith("idle_timeout", { message: "The model stopped talking." })]);
    expect(lines.slice(2)).toEqual([
      "assistant truncated: It is n",
      "failed model_idle_timeout: The model stopped talking. The answer is not complete; write “continue” to go on.",
    ]);
  });

  test("keeps the steps before it", async () => {
    const { lines } = await play(callTool("look"), ["It is n", failWith("retryable")]);
    expect(lines).toContain("tool complete: call_look ok: noon");
    expect(lines.at(-2)).toBe("assistant truncated: It is n");
  });
});

describe("fault-29: an answer that is none ends in one clear message", () => {
  test.each([[[finish()]], [["\n", finish()]], [[think("hm"), finish()]]])("empty: %j", async (step) => {
    const { lines } = await play(step);
    expect(lines).toEqual(["step 1", "failed empty_answer: The model gave an empty answer. Please ask again."]);
  });

  test("refused before and after some words", async () => {
    expect((await play([finish("refusal")])).lines).toEqual([
      "step 1",
      "failed refusal: The model declined to answer this.",
    ]);
    expect((await play(["Well, ", callTool("look"), finish("refusal")])).lines).toEqual([
      "step 1",
      "“Well, ”",
      "assistant truncated: Well, ",
      "failed refusal: The model declined to go on with this answer.",
    ]);
  });

  test("cut at its length, with and without words; calls of a cut answer do not run", async () => {
    const closing = "The answer was cut off at its length limit. Write “continue” to go on.";
    const end = [`“${closing}”`, `assistant complete: ${closing}`, "completed: length"];
    expect((await play(["It is", callTool("look", '{"a'), finish("length")])).lines).toEqual([
      "step 1",
      "“It is”",
      "assistant truncated: It is",
      ...end,
    ]);
    expect((await play([finish("length")])).lines).toEqual(["step 1", ...end]);
  });

  test("a stream that ends without a last word is a failure, not an answer", async () => {
    const model: ModelClient = {
      async *stream() {
        yield { type: "text", text: "It is n" };
      },
    };
    expect(protocol(await runIt(cloneOf({ model }))).slice(2)).toEqual([
      "assistant truncated: It is n",
      "failed model_truncated: The model's answer broke off. The answer is not complete; write “continue” to go on.",
    ]);
  });
});

describe("fault-31: a context that is too long", () => {
  const long = " x".repeat(200);
  const history = Array.from({ length: 4 }, (_, n) => [userMessage(`q${n}${long}`), answer(`a${n}${long}`)]).flat();
  const tooLong = failWith("context_too_long", { message: "The talk is too long." });

  test("is trimmed where it cannot be summed up, asked once more, and stays trimmed for the rest of the run", async () => {
    const model = scriptedModel(tooLong, callTool("look"), "Noon.");
    const events = await runIt(cloneOf({ model, tools, history }));
    expect(model.requests.map(({ messages }) => messages.length)).toEqual([9, 6, 8]);
    expect(model.requests[1]?.messages.slice(0, 5)).toEqual([
      summaryMessage("[4 older messages are left out here]"),
      ...history.slice(4),
    ]);
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "stop" });
  });

  test("is told when half of it is too long as well", async () => {
    const model = scriptedModel(tooLong, tooLong, "late");
    expect(protocol(await runIt(cloneOf({ model, tools, history }))).at(-1)).toBe(
      "failed model_context_too_long: The talk is too long. Please start a new conversation, or send less text at once.",
    );
    expect(model.requests).toHaveLength(2);
  });

  test("is told at once when there is nothing to trim", async () => {
    const model = scriptedModel(tooLong, "late");
    expect(protocol(await runIt(cloneOf({ model }))).at(-1)).toMatch(/^failed model_context_too_long/);
    expect(model.requests).toHaveLength(1);
  });
});

describe("a mistake inside", () => {
  test("of a model client that throws is the run's last event and is not tried again", async () => {
    let asked = 0;
    const model: ModelClient = {
      // oxlint-disable-next-line require-yield
      async *stream() {
        asked += 1;
        throw new TypeError("undefined is not a function");
      },
    };
    expect(protocol(await runIt(cloneOf({ model }))).slice(1)).toEqual([
      "failed model_refused: The model could not be asked.",
    ]);
    expect(asked).toBe(1);
  });

  test("of anything else the run holds is the run's last event and tells the person nothing of it", async () => {
    const events = await runIt(cloneOf({ model: scriptedModel("x"), steer: breakDown }));
    expect(protocol(events)).toEqual(["failed internal: Something went wrong."]);
    expect(events.at(-1)).toHaveProperty("cause.message", "relation does not exist");
  });
});

function breakDown(): never {
  throw new Error("relation does not exist");
}
