import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { userMessage, type Message, type Part } from "../../src/agent/message.ts";
import {
  cutAt,
  dropOldest,
  estimateRequest,
  estimateTokens,
  halveWindow,
  summaryMessage,
} from "../../src/agent/replay-window.ts";
import { newId } from "../../src/ids.ts";
import { answer, asks, gives } from "./run-it.ts";

const turn = (n: number): Message[] => [userMessage(`question ${n}`), answer(`answer ${n}`)];
const turns = (count: number): Message[] => Array.from({ length: count }, (_, n) => turn(n)).flat();

const tail = (history: Message[], maxTokens: number, maxMessages = 1000) =>
  history.slice(cutAt(history, { maxTokens, maxMessages }));

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

  test("counts only pictures that are shown, where that is known", () => {
    const file = newId("fil");
    const picture: Part = { type: "file", kind: "image", name: "", mediaType: "image/png", size: 1, file };
    const message: Message = { role: "user", parts: [picture], status: "complete" };
    expect(estimateTokens([message])).toBe(1604);
    expect(estimateTokens([message], new Map())).toBe(4);
    expect(estimateTokens([message], new Map([[file, "shown"]]))).toBe(1604);
  });

  test("of a request counts instruction and tools as well", () => {
    const tools = [{ name: "look", description: "", schema: { type: "object" as const } }];
    const request = { model: null, messages: [], sampling: {}, firstTokenMs: 1, idleMs: 1 };
    expect(estimateRequest({ ...request, instruction: "x".repeat(350), tools: [] })).toBe(100);
    const bytes = JSON.stringify(tools).length;
    expect(estimateRequest({ ...request, instruction: "", tools })).toBe(Math.ceil(bytes / 2.2));
  });
});

describe("the part of a history that stays as it is", () => {
  test("holds everything that fits", () => {
    expect(tail(turns(50), 1_000_000)).toEqual(turns(50));
    expect(tail([], 100)).toEqual([]);
  });

  test("is made of whole turns; several user messages in a row are one", () => {
    const history = [...turn(1), userMessage("a"), userMessage("b"), answer("c")];
    expect(tail(history, 1000, 3)).toEqual(history.slice(2));
    expect(tail(history, 1000, 4)).toEqual(history.slice(2));
    expect(tail(history, 1000, 2)).toEqual([answer("c")]);
  });

  test("of one turn that is too large is its newest exchanges, and a call is never without its result", () => {
    const step = (n: number) => [asks([`${n}`, "look"]), gives([`${n}`, "x".repeat(220)])];
    const large = [userMessage("q"), ...step(1), ...step(2), ...step(3), answer("done")];
    expect(tail([...turns(3), ...large], 260)).toEqual([...step(2), ...step(3), answer("done")].slice(0));
    expect(tail(large, 30)).toEqual([answer("done")]);
    expect(tail([...turns(3), ...large, ...turn(9)], 260)).toEqual(turn(9));
  });

  test("is nothing where not even the last words fit", () => {
    expect(tail([userMessage("q"), answer("x".repeat(1000))], 100)).toEqual([]);
    expect(tail(turns(3), 0)).toEqual([]);
  });

  test("of any history is its tail, keeps the limits, and begins where a turn or an exchange does", () => {
    const message = fc.constantFrom(
      userMessage("q"),
      userMessage("a longer question"),
      answer("a"),
      asks(["1", "t"]),
      gives(["1", "x"]),
    );
    fc.assert(
      fc.property(fc.array(message), fc.nat(20), fc.nat(100), (history, maxMessages, maxTokens) => {
        const kept = tail(history, maxTokens, maxMessages);
        const from = history.length - kept.length;
        expect(kept).toEqual(history.slice(from));
        expect(kept.length).toBeLessThanOrEqual(maxMessages);
        expect(estimateTokens(kept)).toBeLessThanOrEqual(maxTokens);
        if (kept[0]?.role === "user") expect(history[from - 1]?.role).not.toBe("user");
        else expect(kept[0]?.role ?? "assistant").toBe("assistant");
      }),
    );
  });
});

describe("a window that was too long", () => {
  const missing = (count: number) => summaryMessage(`[${count} older messages are left out here]`);

  test("loses its oldest turns until at most half is left, and says how many", () => {
    expect(halveWindow(turns(10))).toEqual([missing(10), ...turns(10).slice(10)]);
    expect(halveWindow(turns(3))).toEqual([missing(4), ...turns(3).slice(4)]);
  });

  test("holds nothing else when its newest words are more than half of it", () => {
    expect(halveWindow([...turn(1), userMessage("q"), answer("x".repeat(1000))])).toEqual([missing(4)]);
    expect(halveWindow([])).toEqual([]);
  });

  test("keeps what stands for the messages before", () => {
    const head = summaryMessage("Ann likes tea.");
    expect(dropOldest([head, ...turns(10)], 1000)).toEqual([head, ...turns(10)]);
    const both = summaryMessage("Ann likes tea.\n[18 older messages are left out here]");
    expect(dropOldest([head, ...turns(10)], 30)).toEqual([both, ...turns(10).slice(18)]);
  });
});
