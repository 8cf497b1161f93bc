import { describe, expect, test } from "vitest";
import type { FieldNotes } from "../../src/agent/card-fields.ts";
import { userMessage } from "../../src/agent/message.ts";
import { readSeed } from "../../src/agent/read-seed.ts";
import { answer, asks, gives } from "./run-it.ts";

function read(path: string, text: string) {
  const notes: FieldNotes = { faults: [], warnings: [] };
  return { messages: readSeed(path, text, notes), ...notes };
}

const json = (messages: unknown) => read("seed.json", JSON.stringify({ messages }));

describe("messages divided by marks", () => {
  test("are a person's and the agent's, in order, without the blank lines around", () => {
    const text = "\uFEFF---USER\r\n\r\nGood morning.\r\nHow are you?\r\n---ASSISTANT  \r\nWell.\r\n---USER\r\n\r\n";
    expect(read("seed.txt", text)).toEqual({
      messages: [userMessage("Good morning.\r\nHow are you?"), answer("Well.")],
      faults: [],
      warnings: [],
    });
  });

  test("without any mark are one message of a person", () => {
    expect(read("seed.txt", "Hello\n---user\n").messages).toEqual([userMessage("Hello\n---user")]);
    expect(read("seed.txt", " \n").messages).toEqual([]);
  });

  test("leave resources out, with one warning", () => {
    const { messages, warnings } = read("seed.txt", "---USER\nLook\n---RESOURCE\na.pdf\n---RESOURCE\nb.pdf\n");
    expect(messages).toEqual([userMessage("Look")]);
    expect(warnings).toEqual(["seed.txt names a resource, which is left out"]);
  });
});

describe("a saved history", () => {
  test("has texts as content: one, a block, or several", () => {
    const { messages } = json([
      { role: "user", content: "Hello" },
      { role: "assistant", content: { type: "text", text: "Hi" } },
      {
        role: "user",
        content: [
          { type: "text", text: "One" },
          { type: "resource", resource: { uri: "file:///a", text: "Two" } },
        ],
        is_template: true,
        stop_reason: null,
      },
      { role: "assistant", content: [] },
    ]);
    expect(messages).toEqual([userMessage("Hello"), answer("Hi"), userMessage("One\n\nTwo")]);
  });

  test("has calls of tools and their results", () => {
    const { messages, faults } = json([
      { role: "user", content: "Time?" },
      { role: "assistant", tool_calls: { c1: { method: "tools/call", params: { name: "clock", arguments: {} } } } },
      {
        role: "user",
        content: [],
        tool_results: { c1: { content: [{ type: "text", text: "noon" }], isError: false } },
      },
    ]);
    expect(messages).toEqual([userMessage("Time?"), asks(["c1", "clock"]), gives(["c1", "noon"])]);
    expect(faults).toEqual([]);
  });

  test("leaves pictures out, with a warning", () => {
    const picture = { type: "image", data: "aGk=", mimeType: "image/png" };
    expect(json([{ role: "user", content: [picture, { type: "text", text: "This" }] }])).toEqual({
      messages: [userMessage("This")],
      faults: [],
      warnings: ['seed.json holds content of the type "image", which is left out'],
    });
  });

  test.each([
    ["{", "seed.json is not JSON"],
    ['{"messages": {}}', 'seed.json must hold {"messages": […]}'],
    ['[{"role": "system", "content": "x"}]', "seed.json messages[0]: its role must be user or assistant"],
    ['[{"role": "user", "content": "x"}, 5]', "seed.json messages[1]: its role must be user or assistant"],
    ['[{"role": "user", "content": [7]}]', "seed.json messages[0]: its content must be texts"],
  ])("%s is refused", (text, fault) => {
    expect(read("seed.json", text).faults).toEqual([fault]);
  });
});
