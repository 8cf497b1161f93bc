import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { textOf, userMessage, type Message, type Part } from "../../src/agent/message.ts";
import { openCalls, repairHistory } from "../../src/agent/repair-history.ts";
import { answer, asks, gives } from "./run-it.ts";

const hi = userMessage("hi");

describe("a history that is valid", () => {
  test("stays as it is", () => {
    const history = [hi, asks(["1", "look"], ["2", "look"]), gives(["1", "a"], ["2", "b"]), answer("done"), hi];
    expect(repairHistory(history)).toEqual(history);
  });
});

describe("a history that was cut", () => {
  test("begins with a user message: what precedes it goes, with its results", () => {
    expect(repairHistory([gives(["0", "x"]), asks(["1", "look"]), gives(["1", "a"]), answer("done"), hi])).toEqual([
      hi,
    ]);
  });

  test("gets a result for a call that has none, which says why", () => {
    const restarted = { type: "tool_result", callId: "1", ok: false, text: "no result: the process was restarted" };
    expect(repairHistory([hi, asks(["1", "look"])])).toEqual([
      hi,
      asks(["1", "look"]),
      { role: "tool", parts: [restarted], status: "complete" },
    ]);
    const stopped: Message = { ...asks(["1", "look"]), status: "interrupted" };
    expect(repairHistory([hi, stopped]).at(-1)?.parts).toEqual([{ ...restarted, text: "interrupted by the user" }]);
  });

  test("keeps results in the order of their calls, directly behind them, and drops those without a call", () => {
    expect(
      repairHistory([hi, asks(["1", "a"], ["2", "b"]), gives(["9", "?"], ["2", "two"]), hi, gives(["1", "one"])]),
    ).toEqual([hi, asks(["1", "a"], ["2", "b"]), gives(["1", "one"], ["2", "two"]), hi]);
  });

  test("takes the first of two results, and gives a later step its own result for the same call id", () => {
    const history = [hi, asks(["1", "a"]), gives(["1", "x"], ["1", "y"]), asks(["1", "a"]), gives(["1", "z"])];
    expect(repairHistory(history)).toEqual([
      hi,
      asks(["1", "a"]),
      gives(["1", "x"]),
      asks(["1", "a"]),
      gives(["1", "z"]),
    ]);
  });

  test("loses the calls of an interrupted message that were not whole, and their results", () => {
    const stopped: Message = {
      role: "assistant",
      parts: [
        { type: "text", text: "Let me see" },
        { type: "tool_call", callId: "1", tool: "a", args: '{"x":1}', extra: { model: "m", data: "signed" } },
        { type: "tool_call", callId: "2", tool: "b", args: '{"x":' },
      ],
      status: "interrupted",
    };
    expect(repairHistory([hi, stopped, gives(["1", "one"], ["2", "two"])])).toEqual([
      hi,
      {
        role: "assistant",
        parts: [
          { type: "text", text: "Let me see\n[interrupted by the user]" },
          { type: "tool_call", callId: "1", tool: "a", args: '{"x":1}' },
        ],
        status: "complete",
      },
      gives(["1", "one"]),
    ]);
  });

  test("marks what was said before the cut, and drops a message that said nothing", () => {
    const said = (text: string, status: Message["status"]) =>
      textOf(repairHistory([hi, answer(text, status)])[1] ?? hi);
    expect(said("The ca", "interrupted")).toBe("The ca\n[interrupted by the user]");
    expect(said("The ca", "truncated")).toBe("The ca\n[the answer broke off here]");
    expect(repairHistory([hi, answer("", "interrupted"), answer(" \n")])).toEqual([hi]);
  });
});

describe("open calls", () => {
  test("are those of the last assistant message that no result answers yet", () => {
    expect(openCalls([hi, asks(["1", "a"], ["2", "b"]), gives(["1", "x"])]).map(({ callId }) => callId)).toEqual(["2"]);
    expect(openCalls([hi, asks(["1", "a"]), gives(["1", "x"])])).toEqual([]);
    expect(openCalls([hi, asks(["1", "a"]), hi, answer("done")])).toEqual([]);
    expect(openCalls([hi])).toEqual([]);
  });
});

describe("any history, however it was built, shuffled and cut", () => {
  const id = fc.constantFrom("1", "2", "3", "4");
  const text = fc.constantFrom("", " ", "a", "words", "{}");
  const part: fc.Arbitrary<Part> = fc.oneof(
    fc.record({ type: fc.constant("text" as const), text }),
    fc.record({
      type: fc.constant("tool_call" as const),
      callId: id,
      tool: fc.constantFrom("look", "pay"),
      args: fc.constantFrom("{}", '{"a":1}', '{"a":', ""),
      extra: fc.constant({ model: "m", data: 1 }),
    }),
    fc.record({ type: fc.constant("tool_result" as const), callId: id, ok: fc.boolean(), text }),
  );
  const anyMessage: fc.Arbitrary<Message> = fc.record({
    role: fc.constantFrom("user" as const, "assistant" as const, "tool" as const),
    parts: fc.array(part, { maxLength: 5 }),
    status: fc.constantFrom("complete" as const, "interrupted" as const, "truncated" as const),
  });
  const turn: fc.Arbitrary<Message[]> = fc
    .array(fc.uniqueArray(id, { minLength: 1 }), { maxLength: 3 })
    .map((steps) => [
      userMessage("question"),
      ...steps.flatMap((ids) => [
        asks(...ids.map((callId): [string, string] => [callId, "look"])),
        gives(...ids.map((callId): [string, string] => [callId, `result ${callId}`])),
      ]),
      answer("answer"),
    ]);
  const valid = fc.array(turn, { minLength: 1, maxLength: 4 }).map((turns) => turns.flat());
  const shuffled = fc
    .tuple(valid, fc.array(anyMessage, { maxLength: 4 }))
    .chain(([history, noise]) => fc.shuffledSubarray([...history, ...noise]));
  const cut = fc
    .tuple(valid, fc.nat(), fc.nat())
    .map(([history, from, to]) => history.slice(from % history.length, (to % history.length) + 1));

  test("becomes valid, and a second repair changes nothing", () => {
    const history = fc.oneof(shuffled, cut, valid, fc.array(anyMessage, { maxLength: 12 }));
    fc.assert(
      fc.property(history, (messages) => {
        const before = structuredClone(messages);
        const repaired = repairHistory(messages);
        expect(faultsOf(repaired)).toEqual([]);
        expect(repairHistory(repaired)).toEqual(repaired);
        expect(messages, "the input is left alone").toEqual(before);
      }),
      { numRuns: 4000 },
    );
  });

  test("is left as it is when it was valid", () => {
    fc.assert(
      fc.property(valid, (messages) => {
        expect(repairHistory(messages)).toEqual(messages);
      }),
      { numRuns: 500 },
    );
  });

  test("loses nothing that a person wrote after its first message", () => {
    fc.assert(
      fc.property(shuffled, (messages) => {
        const sane = messages.filter(({ role, parts }) => role !== "user" || parts.some(({ type }) => type === "text"));
        expect(asked(repairHistory(sane))).toEqual(asked(sane));
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps every real result whose call comes before it", () => {
    fc.assert(
      fc.property(valid, fc.nat(), (messages, end) => {
        const head = messages.slice(0, (end % messages.length) + 1);
        const real = head.flatMap(({ parts }) => parts.filter((each) => each.type === "tool_result"));
        const kept = repairHistory(head).flatMap(({ parts }) => parts);
        expect(kept).toEqual(expect.arrayContaining(real));
      }),
      { numRuns: 500 },
    );
  });
});

function asked(history: readonly Message[]): string[] {
  return history.filter(({ role }) => role === "user").map(textOf);
}

/**
 * What providers refuse, written down independently of the repair: a machine that walks over the messages and knows
 * only which results must come next.
 */
function faultsOf(history: readonly Message[]): string[] {
  const faults: string[] = [];
  let due: string[] = [];
  history.forEach(({ role, parts, status }, at) => {
    if (at === 0 && role !== "user") faults.push(`${at}: does not begin with a user message`);
    if (parts.length === 0) faults.push(`${at}: has no parts`);
    if (status === "interrupted" && role === "assistant") faults.push(`${at}: an unmarked cut`);
    if (role === "tool") {
      const ids = parts.map((each) => (each.type === "tool_result" ? each.callId : each.type));
      if (ids.join() !== due.join()) faults.push(`${at}: results ${ids.join()} where ${due.join()} are due`);
      if (due.length === 0) faults.push(`${at}: results without calls`);
      due = [];
      return;
    }
    if (due.length > 0) faults.push(`${at}: calls ${due.join()} have no results`);
    due = parts.flatMap((each) => (each.type === "tool_call" ? [each.callId] : []));
    if (new Set(due).size !== due.length) faults.push(`${at}: a call id twice`);
    if (parts.some(({ type }) => type === "tool_result")) faults.push(`${at}: a result outside of a tool message`);
    if (role === "user" && due.length > 0) faults.push(`${at}: a user message with calls`);
    const said = parts.some((each) => each.type === "text" && each.text.trim() !== "");
    if (role === "assistant" && !said && due.length === 0) faults.push(`${at}: an empty assistant message`);
  });
  if (due.length > 0) faults.push(`end: calls ${due.join()} have no results`);
  return faults;
}
