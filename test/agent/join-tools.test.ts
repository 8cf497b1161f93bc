import { expect, test } from "vitest";
import { joinTools } from "../../src/agent/join-tools.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { toolSourceContract } from "../contract/tool-source.ts";
import { untilAbort } from "../fakes/scripted-tools.ts";
import { functionTools, type FunctionTool } from "../../src/agent/function-tools.ts";
import { cloneOf, protocol, runIt } from "./run-it.ts";

const live = () => new AbortController().signal;
const away = (...servers: string[]): ToolSource => ({ ...scriptedTools({}), unreachable: () => servers });

function tool(name: string, run: FunctionTool["run"]): FunctionTool {
  const schema = { type: "object" };
  return { name, description: name, schema, readOnly: true, afterCrash: "repeat", timeoutMs: 60_000, run };
}

toolSourceContract("joinTools", async () => ({
  source: joinTools([
    functionTools([tool("works", () => "hello"), tool("breaks", () => Promise.reject(new Error("no luck")))]),
    functionTools([tool("floods", () => "\0x".repeat(50_000)), tool("hangs", (_args, signal) => untilAbort(signal))]),
  ]),
  working: { tool: "works", args: "{}", answer: "hello" },
  failing: { tool: "breaks", args: "{}" },
  huge: { tool: "floods", args: "{}" },
  slow: { tool: "hangs", args: "{}" },
  close: async () => {},
}));

test("a name that two sources have is the earlier one's", async () => {
  const tools = joinTools([scriptedTools({ a: { answer: "first" } }), scriptedTools({ a: { answer: "second" } })]);
  expect(await tools.list()).toHaveLength(1);
  expect((await tools.call({ callId: "1", tool: "a", args: "{}" }, live())).text).toBe("first");
});

test("a run without a server's tools says so once, to the person and behind the instruction", async () => {
  const tools = joinTools([scriptedTools({ look: { answer: "seen" } }), away("mail"), away("files")]);
  const model = scriptedModel("Done.");
  const events = await runIt(cloneOf({ model, tools }));
  expect(protocol(events)[0]).toBe("warning: The tools of mail, files cannot be reached right now.");
  expect(events[0]).toMatchObject({ code: "tools_unreachable", servers: ["mail", "files"] });
  expect(model.requests[0]?.instruction).toBe("Help.\n\nThe tools of mail, files cannot be reached right now.");
  expect(model.requests[0]?.tools.map(({ name }) => name)).toEqual(["look"]);
});

test("hands on what a call may tell and know of its run", async () => {
  const seen: unknown[] = [];
  const source = scriptedTools({ a: { answer: "" } });
  const call: ToolSource["call"] = (asked, signal, context) => {
    seen.push(context);
    return source.call(asked, signal);
  };
  const context = { report: async () => undefined, history: () => [] };
  await joinTools([{ ...source, call }]).call({ callId: "1", tool: "a", args: "{}" }, live(), context);
  expect(seen).toEqual([context]);
});
