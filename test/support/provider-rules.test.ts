import { describe, expect, test } from "vitest";
import { storedFaults, type StoredRow, type StoredRule, wireFaults, type WireRule } from "./provider-rules.ts";

const system = { role: "system", content: "Be kind." };
const user = { role: "user", content: "hi" };
const answer = { role: "assistant", content: "hello" };
const result = (id: string, content = "noon") => ({ role: "tool", tool_call_id: id, content });
const call = (id: unknown, args: unknown = "{}", name: unknown = "look") => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
const asks = (...tool_calls: unknown[]) => ({ role: "assistant", content: null, tool_calls });
const tool = (name: string) => ({ type: "function", function: { name, description: "", parameters: {} } });

describe("what is sent", () => {
  test.each([
    [[user]],
    [[system, user, answer, user]],
    [[user, { ...answer, tool_calls: [call("a"), call("b", '{"x":1}')] }, result("a"), result("b")]],
    [[user, asks(call("a")), result("a"), asks(call("b")), result("b"), answer, user]],
    [[{ role: "user", content: [{ type: "text", text: "this?" }, image("data:image/png;base64,AAAA")] }]],
  ])("%# is accepted", (messages) => {
    expect(wireFaults({ messages, tools: [tool("look")] })).toEqual([]);
  });

  const broken: [WireRule, unknown[], unknown?][] = [
    ["no messages", []],
    ["unknown role", [user, { role: "function", content: "x" }]],
    ["system message not at the beginning", [user, answer, system, user]],
    ["does not begin with the user", [system, answer, user]],
    ["does not begin with the user", [asks(call("a")), result("a")]],
    ["ends with the assistant", [user, answer]],
    ["roles do not alternate", [user, user]],
    ["roles do not alternate", [user, answer, answer, user]],
    ["user directly after results", [user, asks(call("a")), result("a"), user]],
    ["empty text", [{ role: "user", content: " \n" }]],
    ["empty text", [user, asks(call("a")), result("a", "")]],
    ["no content", [user, { role: "assistant", content: null }, user]],
    ["malformed text", [{ role: "user", content: "a\ud800" }]],
    ["malformed text", [{ role: "user", content: "a\0" }]],
    ["malformed part", [{ role: "user", content: [image("https://example.org/a.png")] }]],
    ["no calls in tool_calls", [user, { ...answer, tool_calls: [] }, user]],
    ["malformed call", [user, asks(call("a", { x: 1 })), result("a")]],
    ["call id of another shape", [user, asks(call("functions.look:0")), result("functions.look:0")]],
    ["call id of another shape", [user, asks(call("")), result("")]],
    ["call id of another shape", [user, asks(call("a".repeat(41))), result("a".repeat(41))]],
    ["call id twice", [user, asks(call("a"), call("a")), result("a")]],
    ["call id twice", [user, asks(call("a")), result("a"), asks(call("a")), result("a")]],
    ["tool name of another shape", [user, asks(call("a", "{}", "höre zu")), result("a")]],
    ["arguments are no object", [user, asks(call("a", '{"x":')), result("a")]],
    ["arguments are no object", [user, asks(call("a", "[1]")), result("a")]],
    ["call without result", [user, asks(call("a"))]],
    ["call without result", [user, asks(call("a"), call("b")), result("b"), answer, user]],
    ["result without call", [user, result("a")]],
    ["result without call", [user, asks(call("a")), result("a"), result("a")]],
    ["no tools in tools", [user], []],
    ["tool name twice", [user], [tool("look"), tool("look")]],
  ];
  test.each(broken)("%s", (rule, messages, tools) => {
    expect(new Set(wireFaults({ messages, tools }).map((fault) => fault.rule))).toContain(rule);
  });
});

function image(url: string) {
  return { type: "image_url", image_url: { url } };
}

type Short = [role: string, parts: StoredRow["parts"], status?: string];
const says = (text: string) => [{ type: "text", text }];
const calls = (...ids: string[]) => ids.map((callId) => ({ type: "tool_call", callId }));
const results = (...ids: string[]) => ids.map((callId) => ({ type: "tool_result", callId, text: "noon" }));
const asked: Short = ["user", says("hi")];
const answered: Short = ["assistant", says("hello")];

function rows(...blocks: Short[][]): StoredRow[] {
  const listed = blocks.flatMap((block, run) =>
    block.map(([role, parts, status = "complete"], idx) => ({ run_id: `run ${run}`, idx, role, parts, status })),
  );
  return listed.map((row, at) => ({ ...row, seq: at + 1, message_id: `m ${at}` }));
}

/** Rows with one of them changed. */
function changed(at: number, changes: Partial<StoredRow>): StoredRow[] {
  return rows([asked, answered], [asked, answered]).map((row, index) => (index === at ? { ...row, ...changes } : row));
}

describe("what is stored", () => {
  test.each([
    [rows()],
    [rows([asked, answered], [asked, asked, answered])],
    [rows([asked, ["assistant", calls("a", "b")], ["tool", results("b")], ["tool", results("a")], asked, answered])],
    [rows([asked, ["assistant", says("hel"), "interrupted"]], [asked])],
    [
      rows(
        [asked, ["assistant", calls("a")], ["tool", results("a")]],
        [asked, ["assistant", calls("a")], ["tool", results("a")]],
      ),
    ],
    [rows([asked, ["assistant", says("hel"), "truncated"], ["assistant", says("It was cut off.")]])],
  ])("%# is accepted", (stored) => {
    expect(storedFaults(stored)).toEqual([]);
  });

  const broken: [StoredRule, StoredRow[]][] = [
    ["gap in seq", changed(2, { seq: 4 })],
    ["gap in seq", rows([asked, answered]).toReversed()],
    ["gap in idx", changed(3, { idx: 2 })],
    ["message twice", changed(3, { message_id: "m 0" })],
    ["run in two pieces", changed(3, { run_id: "run 0" })],
    ["block does not begin with the user", rows([answered])],
    ["part of another role", rows([["user", calls("a")], answered])],
    ["part of another role", rows([asked, ["assistant", results("a")]])],
    ["empty message", rows([asked, ["assistant", says(" ")]])],
    ["empty message", rows([asked, ["assistant", calls("a")], ["tool", []]])],
    ["unknown status", rows([asked, ["assistant", says("hel"), "running"]])],
    ["unknown status", rows([["user", says("hi"), "interrupted"], answered])],
    ["cut message with calls", rows([asked, ["assistant", calls("a"), "interrupted"], ["tool", results("a")]])],
    ["goes on after a cut", rows([asked, ["assistant", says("hel"), "interrupted"], asked, answered])],
    ["call without id", rows([asked, ["assistant", calls("")], ["tool", results("")]])],
    ["call id twice", rows([asked, ["assistant", calls("a", "a")], ["tool", results("a")], answered])],
    ["call without result", rows([asked, ["assistant", calls("a", "b")], ["tool", results("b")], answered])],
    ["call without result", rows([asked, ["assistant", calls("a")]], [asked, ["tool", results("a")]])],
    ["result without call", rows([asked, ["assistant", calls("a")], ["tool", results("a", "a")], answered])],
    ["result without call", rows([asked, answered, ["tool", results("a")]])],
    ["malformed text", rows([["user", says("a\0")], answered])],
  ];
  test.each(broken)("%s", (rule, stored) => {
    expect(new Set(storedFaults(stored).map((fault) => fault.rule))).toContain(rule);
  });

  test("a completed run without an answer", () => {
    const stored = rows([asked, ["assistant", calls("a")], ["tool", results("a")]]);
    expect(storedFaults(stored, new Map([["run 0", "completed"]]))).toEqual([
      { rule: "completed without an answer", at: 2 },
    ]);
    expect(storedFaults(stored, new Map([["run 0", "cancelled"]]))).toEqual([]);
  });
});
