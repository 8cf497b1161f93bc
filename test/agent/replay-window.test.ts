import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { userMessage, type Message } from "../../src/agent/message.ts";
import { DEFAULT_WINDOW, estimateTokens, halveWindow, replayWindow } from "../../src/agent/replay-window.ts";
import { answer, asks, gives } from "./run-it.ts";

const turn = (n: number): Message[] => [userMessage(`question ${n}`), answer(`answer ${n}`)];
const turns = (count: number): Message[] => Array.from({ length: count }, (_, n) => turn(n)).flat();
const wide = { maxMessages: 1000, maxTokens: 1_000_000 };

describe("the estimate of tokens", () => {
  test("counts bytes, prose at 3.5 and JSON at 2.2 each, and a little per message", () => {
    expect(estimateTokens([])).toBe(0);
    expect(estimateTokens([userMessage("x".repeat(350))])).toBe(104);
    expect(estimateTokens([userMessage("й".repeat(350))])).toBe(204);
    expect(estimateTokens([gives(["1", "x".repeat(220)])])).toBe(104);
    expect(estimateTokens([asks(["1", "look", "x".repeat(216)])])).toBe(104);
    const call = { type: "tool_call" as const, callId: "1", tool: "look", args: "{}" };
    const extra = { model: "m", data: { reasoning: "x".repeat(198) } };
    expect(estimateTokens([{ role: "assistant", parts: [{ ...call, extra }], status: "complete" }])).toBe(104);
  });
});

describe("the replay window", () => {
  test("holds everything that fits", () => {
    expect(replayWindow(turns(50))).toEqual(turns(50));
    expect(replayWindow([])).toEqual([]);
  });

  test("keeps 200 messages by default, whole turns only", () => {
    const history = [...turns(150), userMessage("last"), answer("one"), answer("two")];
    const window = replayWindow(history);
    expect(DEFAULT_WINDOW.maxMessages).toBe(200);
    expect(window).toHaveLength(199);
    expect(window[0]?.role).toBe("user");
    expect(window).toEqual(history.slice(-199));
  });

  test("keeps about 100,000 tokens by default", () => {
    const history = Array.from({ length: 10 }, () => [userMessage("x".repeat(70_000)), answer("ok")]).flat();
    expect(replayWindow(history)).toHaveLength(8);
  });

  test("counts several user messages in a row as one turn, which it never splits", () => {
    const history = [...turn(1), userMessage("a"), userMessage("b"), answer("c")];
    expect(replayWindow(history, { ...wide, maxMessages: 3 })).toEqual(history.slice(2));
    expect(replayWindow(history, { ...wide, maxMessages: 4 })).toEqual(history.slice(2));
  });

  test("keeps the newest turn even if it alone is too large", () => {
    const large = [userMessage("q"), asks(["1", "look"]), gives(["1", "x".repeat(5000)]), answer("done")];
    expect(replayWindow([...turns(3), ...large], { ...wide, maxTokens: 100 })).toEqual(large);
  });

  test("leaves out the rest of a turn whose beginning was not loaded", () => {
    expect(replayWindow([answer("rest"), ...turn(1)])).toEqual(turn(1));
    expect(replayWindow([asks(["1", "look"]), gives(["1", "x"])])).toEqual([]);
  });

  test("of any history is its tail, starts with a turn, and keeps the limits unless it is one turn", () => {
    const message = fc.constantFrom(userMessage("q"), userMessage("a longer question"), answer("a"), asks(["1", "t"]));
    fc.assert(
      fc.property(fc.array(message), fc.nat(20), fc.nat(100), (history, maxMessages, maxTokens) => {
        const window = replayWindow(history, { maxMessages, maxTokens });
        const from = history.length - window.length;
        expect(window).toEqual(history.slice(from));
        if (window.length === 0) return;
        expect(window[0]?.role).toBe("user");
        expect(history[from - 1]?.role).not.toBe("user");
        const starts = window.filter((each, at) => each.role === "user" && window[at - 1]?.role !== "user").length;
        if (starts > 1) {
          expect(window.length).toBeLessThanOrEqual(maxMessages);
          expect(estimateTokens(window)).toBeLessThanOrEqual(Math.ceil(maxTokens));
        }
      }),
    );
  });
});

describe("a window that was too long", () => {
  test("loses its oldest turns until at most half is left", () => {
    expect(halveWindow(turns(10))).toEqual(turns(10).slice(10));
    expect(halveWindow(turns(3))).toEqual(turns(3).slice(4));
  });

  test("is empty when its newest turn is more than half of it", () => {
    expect(halveWindow([...turn(1), userMessage("x".repeat(1000)), answer("ok")])).toEqual([]);
    expect(halveWindow(turn(1))).toEqual([]);
    expect(halveWindow([])).toEqual([]);
  });
});
