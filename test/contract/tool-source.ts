import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ToolCall, ToolSource } from "../../src/agent/tool-source.ts";

/** A source with tools of every temper. The calls' ids are free; `call` fills them in. */
export interface ToolSourceSubject {
  source: ToolSource;
  /** Answers with a text that holds `answer`. */
  working: Pick<ToolCall, "tool" | "args"> & { answer: string };
  /** Fails on its own account. */
  failing: Pick<ToolCall, "tool" | "args">;
  /** Answers with far more than 30 kB, NUL included. */
  huge: Pick<ToolCall, "tool" | "args">;
  /** A read-only tool that takes longer than the test waits, and is over soon after an abort. */
  slow: Pick<ToolCall, "tool" | "args">;
  close(): Promise<void>;
}

/** What every ToolSource promises; see the port. `make` is called for each test. */
export function toolSourceContract<S extends ToolSourceSubject>(name: string, make: () => Promise<S>): void {
  describe(`${name} keeps the contract of a tool source`, () => {
    let subject: S;
    beforeEach(async () => {
      subject = await make();
    });
    afterEach(() => subject.close());

    const call = ({ tool, args }: Pick<ToolCall, "tool" | "args">, signal = live()) =>
      subject.source.call({ callId: "call-1", tool, args }, signal);

    test("it lists tools with names, descriptions and object schemas, the same ones each time", async () => {
      const tools = await subject.source.list();
      expect(new Set(tools.map((tool) => tool.name)).size).toBe(tools.length);
      for (const tool of tools) {
        expect(tool.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(tool.description).not.toBe("");
        expect(tool.schema).toMatchObject({ type: "object" });
        expect(["repeat", "skip", "ask"]).toContain(tool.afterCrash);
        expect(typeof tool.readOnly).toBe("boolean");
      }
      expect(await subject.source.list()).toEqual(tools);
    });

    test("it answers a call with text", async () => {
      const result = await call(subject.working);
      expect(result.ok).toBe(true);
      expect(result.text).toContain(subject.working.answer);
    });

    test("calls at the same time each get their own result", async () => {
      const [answer, failed, again] = await Promise.all([
        call(subject.working),
        call(subject.failing),
        call(subject.working),
      ]);
      expect([answer, failed, again].map(({ ok }) => ok)).toEqual([true, false, true]);
    });

    test("a failing tool, an unknown one and arguments that are no JSON are results, not errors", async () => {
      for (const broken of [
        subject.failing,
        { tool: "no_such_tool", args: "{}" },
        { ...subject.working, args: '{"a":' },
        { ...subject.working, args: "[]" },
      ]) {
        const result = await call(broken);
        expect(result.ok).toBe(false);
        expect(result.text).not.toBe("");
      }
    });

    test("a result has at most 30 kB and no NUL", async () => {
      const { text } = await call(subject.huge);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(30_000);
      expect(Buffer.byteLength(text)).toBeGreaterThan(25_000);
      expect(text).not.toContain("\0");
    });

    test("an abort ends a slow call with a result that is not ok", async () => {
      const controller = new AbortController();
      const pending = call(subject.slow, controller.signal);
      await call(subject.working);
      controller.abort();
      expect((await pending).ok).toBe(false);
    });

    test("a call after the abort is not made", async () => {
      expect((await call(subject.working, AbortSignal.abort())).ok).toBe(false);
    });
  });
}

function live(): AbortSignal {
  return new AbortController().signal;
}
