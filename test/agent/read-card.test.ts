import { describe, expect, test } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { hasFrontmatter, MAX_STEPS, readCard as read, type VariableLookup } from "../../src/agent/read-card.ts";
import { GatewayError } from "../../src/errors.ts";

const readCard = (path: string, text: string, lookup?: VariableLookup) => read(path, text, lookup).card;
const card = (frontmatter: string, body = "") => readCard("agents/a.md", `---\n${frontmatter}\n---\n${body}`);

const lookup = (name: string) => ({ MODEL: "gpt-5", EMPTY: "" })[name];

function faultsOf(reading: () => AgentCard): string[] {
  try {
    reading();
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code: "invalid" });
    return (error as GatewayError).message.split("\n");
  }
  throw new Error("the card was accepted");
}

describe("a card in Markdown", () => {
  test("reads every field and takes the body as instruction", () => {
    const text = `---
type: Agent
name: time keeper
description: Knows the time.
model: openai.gpt-5
default: true
use_history: false
request_params:
  temperature: 0.5
  top_p: 0.9
  max_tokens: 500
  presence_penalty: 1
  frequency_penalty: -1
  stop_sequences: [END]
  parallel_tool_calls: false
  max_iterations: 7
  streaming_timeout: 45
---

Tell the time.

Nothing else.
`;
    expect(readCard("agents/time.md", text)).toEqual({
      name: "time_keeper",
      file: "time.md",
      description: "Knows the time.",
      instruction: "Tell the time.\n\nNothing else.",
      model: "openai.gpt-5",
      default: true,
      useHistory: false,
      sampling: {
        temperature: 0.5,
        topP: 0.9,
        maxTokens: 500,
        presencePenalty: 1,
        frequencyPenalty: -1,
        stopSequences: ["END"],
        parallelToolCalls: false,
      },
      maxSteps: 7,
      idleMs: 45_000,
    });
  });

  test("needs no field at all: the file names it and an instruction is given", () => {
    const bare = readCard("/srv/agents/my agent.md", "---\n---\n");
    expect(bare).toMatchObject({ name: "my_agent", description: "", model: null, default: false, useHistory: true });
    expect(bare).toMatchObject({ sampling: {}, maxSteps: MAX_STEPS, idleMs: null });
    expect(bare.instruction).toContain("{{agentName}}");
  });

  test("may start with a byte order mark and blank lines, and may have Windows line ends", () => {
    expect(readCard("a.md", "\uFEFF\r\n---\r\nname: b\r\n---\r\nOne.\r\nTwo.\r\n")).toMatchObject({
      name: "b",
      instruction: "One.\r\nTwo.",
    });
  });

  test("may have lines of dashes in its body", () => {
    expect(card("name: b", "One.\n\n---\n\nTwo.").instruction).toBe("One.\n\n---\n\nTwo.");
  });

  test("may open its body with ---SYSTEM, but may not hold messages", () => {
    expect(card("name: b", "---SYSTEM\nHelp.").instruction).toBe("Help.");
    expect(faultsOf(() => card("name: b", "Help.\n---USER\nhi"))[0]).toMatch(/^a\.md: body: holds ---USER; .*remove/);
  });

  test("without frontmatter is refused when it is named", () => {
    expect(hasFrontmatter("# Notes\n\n---\nname: a\n---\n")).toBe(false);
    expect(faultsOf(() => readCard("notes.md", "# Notes\n"))).toEqual([
      "notes.md: frontmatter: is missing; begin the file with a line ---, then the fields, then a line ---",
    ]);
    expect(faultsOf(() => readCard("open.md", "---\nname: a\nHelp."))).toHaveLength(1);
  });
});

describe("a card in YAML", () => {
  test("takes its instruction from the field", () => {
    expect(readCard("b.yaml", "instruction: |\n  Help.\n  Well.\n")).toMatchObject({
      name: "b",
      instruction: "Help.\nWell.",
    });
  });

  test("writes the names of request_params in snake or camel case, but not both", () => {
    const text = "request_params: { maxTokens: 5, topP: 1, stopSequences: [a], maxIterations: 3 }";
    expect(readCard("b.yml", text)).toMatchObject({
      sampling: { maxTokens: 5, topP: 1, stopSequences: ["a"] },
      maxSteps: 3,
    });
    expect(faultsOf(() => readCard("b.yml", "request_params: { maxTokens: 5, max_tokens: 5 }"))).toEqual([
      "b.yml: request_params.max_tokens: is set twice (snake and camel case are the same name); keep one",
    ]);
  });

  test("may ask for fewer steps than the cap, never for more", () => {
    expect(readCard("b.yml", "request_params: { max_iterations: 9999 }").maxSteps).toBe(MAX_STEPS);
  });
});

describe("faults of a card", () => {
  test("are all told at once, each with file, field and remedy", () => {
    const text = `name: "no/slash"
type: router
description: 5
instruction: ""
model: ""
default: "yes"
use_history: 1
server: mail
request_params:
  temperature: 3
  maxTokens: 0
  stop_sequences: [""]
  parallel_tool_calls: 1
  streaming_timeout: 0
`;
    expect(faultsOf(() => readCard("agents/bad.yaml", text))).toEqual([
      'bad.yaml: type: "router" is not supported yet; only "agent" is',
      "bad.yaml: server: is not a field of a card; remove it",
      'bad.yaml: name: "no/slash" must be 1–57 letters, digits, "_" or "-" and start with a letter or digit',
      "bad.yaml: instruction: must be a text that is not empty",
      "bad.yaml: default: must be true or false",
      expect.stringMatching(/^bad\.yaml: request_params\.temperature: must be a number from 0 to 2$/),
      "bad.yaml: request_params.maxTokens: must be a whole number of at least 1",
      "bad.yaml: request_params.stop_sequences: must be a list of texts that are not empty",
      "bad.yaml: request_params.parallel_tool_calls: must be true or false",
      "bad.yaml: request_params.streaming_timeout: must be a number from 1 to 3600",
      "bad.yaml: model: must be a text that is not empty",
      "bad.yaml: description: must be a text",
      "bad.yaml: use_history: must be true or false",
    ]);
  });

  test("an instruction in the field and in the body is one too many", () => {
    expect(faultsOf(() => card("instruction: Help.", "Help."))).toEqual([
      "a.md: instruction: stands in the field and in the body; keep one of them",
    ]);
  });

  test.each([
    ["a list", "- a", /must be a mapping/],
    ["a repeated field", "name: a\nname: b", /Map keys must be unique at line 3/],
    ["a tag of its own", "name: !env A", /Unresolved tag: !env at line 2/],
    ["a binary tag", "name: !!binary aGk=", /Unresolved tag/],
    ["an open quote", "name: 'a", /Missing closing/],
    ["a key that is a list", "? [a]\n: b", /keys must be strings/],
    [
      "a flood of aliases",
      "model: &a [b, b]\ndescription: &c [*a, *a, *a, *a, *a]\nname: [*c, *c, *c, *c, *c]",
      /alias/,
    ],
    ["a prototype", "__proto__: { default: true }", /__proto__: is not a field/],
    ["request_params that are a list", "request_params: [a]", /request_params: must be a mapping/],
  ])("%s is refused", (_what, yaml, fault) => {
    expect(faultsOf(() => card(yaml)).join("\n")).toMatch(fault);
  });
});

describe("variables of a card", () => {
  test("are replaced in the values of fields, also inside request_params", () => {
    const text = "---\nmodel: x.${MODEL}\nrequest_params: { stop_sequences: ['${MODEL}'] }\n---\n";
    expect(readCard("a.md", text, lookup)).toMatchObject({ model: "x.gpt-5", sampling: { stopSequences: ["gpt-5"] } });
  });

  test("fall back to their default, and stay as written without one", () => {
    const text = 'description: "${NONE:a b}|${NONE:}|${NONE}|${EMPTY:x}"';
    expect(readCard("a.yaml", text, lookup).description).toBe("a b||${NONE}|");
  });

  test("that are secrets are a fault, with and without a default, and their values are nowhere", () => {
    const text = "description: ${KEY}\nmodel: ${KEY:x}\nskills: ['${KEY}']";
    expect(faultsOf(() => readCard("a.yaml", text, () => null))).toEqual([
      "a.yaml: description: ${KEY} is a secret, or holds one, and cannot be used in a card; remove it",
      "a.yaml: model: ${KEY} is a secret, or holds one, and cannot be used in a card; remove it",
    ]);
  });

  test("are left alone in a body, which is prose", () => {
    expect(readCard("a.md", "---\n---\nWrite ${MODEL}.", lookup).instruction).toBe("Write ${MODEL}.");
  });

  test("come from the given lookup alone, never from the environment", () => {
    expect(readCard("a.yaml", "description: ${PATH}").description).toBe("${PATH}");
  });
});
