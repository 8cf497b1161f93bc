import { describe, expect, test } from "vitest";
import { functionTools, type FunctionTool } from "../../src/agent/function-tools.ts";
import type { ToolResult } from "../../src/agent/tool-source.ts";
import { toolSourceContract } from "../contract/tool-source.ts";
import { untilAbort } from "../fakes/scripted-tools.ts";
import { manualClock } from "./manual-clock.ts";

function tool(changes: Partial<FunctionTool> = {}): FunctionTool {
  return {
    name: "echo",
    description: "Says it again.",
    schema: {
      type: "object",
      properties: { text: { type: "string", minLength: 1 }, mood: { enum: ["glad", "sad"] } },
      required: ["text"],
      additionalProperties: false,
    },
    readOnly: true,
    afterCrash: "repeat",
    timeoutMs: 1000,
    run: ({ text }) => String(text),
    ...changes,
  };
}

const live = () => new AbortController().signal;
const ask = (args: string, changes: Partial<FunctionTool> = {}): Promise<ToolResult> =>
  functionTools([tool(changes)]).call({ callId: "1", tool: "echo", args }, live());

toolSourceContract("functionTools", async () => ({
  source: functionTools([
    tool(),
    tool({ name: "breaks", run: () => Promise.reject(new Error("no luck")) }),
    tool({ name: "floods", schema: { type: "object" }, run: () => "\0x".repeat(50_000) }),
    tool({ name: "hangs", timeoutMs: 60_000, run: (_args, signal) => untilAbort(signal) }),
  ]),
  working: { tool: "echo", args: '{"text":"hello"}', answer: "hello" },
  failing: { tool: "breaks", args: '{"text":"x"}' },
  huge: { tool: "floods", args: "{}" },
  slow: { tool: "hangs", args: '{"text":"x"}' },
  close: async () => {},
}));

describe("arguments of a function tool", () => {
  test("reach the function as the schema promises them", async () => {
    expect(await ask('{"text":"hi","mood":"glad"}')).toEqual({ ok: true, text: "hi" });
  });

  test("may be missing where nothing is required", async () => {
    expect(await ask(" ", { schema: { type: "object" }, run: (args) => JSON.stringify(args) })).toEqual({
      ok: true,
      text: "{}",
    });
  });

  test.each([
    ["text:hi", /^The arguments of echo are not valid JSON \(.+\)\. Call it again with valid JSON\.$/],
    ['"hi"', /must be one JSON object/],
    ["null", /must be one JSON object/],
    ["{}", /do not fit its schema: the arguments must have required properties \(?text/],
    ['{"text":""}', /\/text must not have fewer than 1 characters/],
    ['{"text":"a","mood":"so-so"}', /\/mood must be equal to one of the allowed values \(glad, sad\)/],
    ['{"text":"a","x":1,"y":2}', /additional properties \(x, y\)\. Call it again/],
    ['{"text":"a","__proto__":{"x":1}}', /additional properties \(__proto__\)/],
  ])("%s are refused with what to mend, and the function does not run", async (args, fault) => {
    const result = await ask(args, { run: () => expect.fail("it ran") });
    expect(result).toEqual({ ok: false, text: expect.stringMatching(fault) });
  });
});

describe("a function tool", () => {
  test("that throws, or breaks its promise of a text, makes an error result", async () => {
    expect(await ask('{"text":"a"}', { run: thrown(new Error("disk full")) })).toEqual({
      ok: false,
      text: "echo failed: disk full",
    });
    expect(await ask('{"text":"a"}', { run: thrown("odd") })).toEqual({ ok: false, text: "echo failed: odd" });
    expect(await ask('{"text":"a"}', { run: (() => ({ a: 1 })) as never })).toMatchObject({ ok: false });
  });

  test("is stopped when its time is over", async () => {
    const clock = manualClock();
    const tools = [
      tool({ run: (_args, signal) => untilAbort(signal) }),
      tool({ name: "pay", readOnly: false, run: never }),
    ];
    const source = functionTools(tools, clock);
    const read = source.call({ callId: "1", tool: "echo", args: '{"text":"a"}' }, live());
    const paid = source.call({ callId: "2", tool: "pay", args: '{"text":"a"}' }, live());
    clock.advance(1000);
    expect(await read).toEqual({ ok: false, text: "echo had no result within 1 s." });
    expect((await paid).text).toBe("pay had no result within 1 s. Its outcome is unknown: it may have taken effect.");
  });

  test("that is read-only is given up at an abort even if it does not listen", async () => {
    const controller = new AbortController();
    const source = functionTools([tool({ run: never })], manualClock());
    const result = source.call({ callId: "1", tool: "echo", args: '{"text":"a"}' }, controller.signal);
    controller.abort();
    expect(await result).toEqual({ ok: false, text: "Stopped before it had a result." });
  });

  test("that may have effects is waited for after an abort, so that its real outcome is known", async () => {
    const controller = new AbortController();
    const paid = Promise.withResolvers<string>();
    const source = functionTools([tool({ readOnly: false, run: () => paid.promise })], manualClock());
    const result = source.call({ callId: "1", tool: "echo", args: '{"text":"a"}' }, controller.signal);
    controller.abort();
    paid.resolve("paid");
    expect(await result).toEqual({ ok: true, text: "paid" });
  });

  test("that ended in time is not told to stop and leaves no timer behind", async () => {
    const clock = manualClock();
    let told: AbortSignal | undefined;
    const source = functionTools([tool({ run: (_args, signal) => ((told = signal), "done") })], clock);
    expect((await source.call({ callId: "1", tool: "echo", args: '{"text":"a"}' }, live())).ok).toBe(true);
    expect(clock.waits).toEqual([1000]);
    expect(clock.sleeping).toBe(0);
    expect(told?.aborted).toBe(false);
  });
});

describe("a set of function tools", () => {
  test("refuses bad names, repeated names and schemas that do not compile at once", () => {
    expect(() => functionTools([tool({ name: "no spaces" })])).toThrow("not a tool name");
    expect(() => functionTools([tool(), tool()])).toThrow('two tools are named "echo"');
    expect(() => functionTools([tool({ schema: { properties: { a: { pattern: "(" } } } })])).toThrow();
  });

  test("names its tools to a model that calls one it does not have", async () => {
    const result = await functionTools([tool()]).call({ callId: "1", tool: "eco", args: "{}" }, live());
    expect(result.text).toBe('There is no tool "eco". Tools: echo.');
  });
});

function never(): Promise<never> {
  return new Promise(() => {});
}

function thrown(value: unknown): () => never {
  return () => {
    throw value;
  };
}
