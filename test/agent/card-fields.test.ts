import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { AgentCard, Children } from "../../src/agent/agent-card.ts";
import { readCard } from "../../src/agent/read-card.ts";
import { publicMessage } from "../../src/errors.ts";

const CALLS: Children = {
  agents: ["helper"],
  historySource: "none",
  mergeTarget: "none",
  maxParallel: null,
  timeoutMs: null,
  maxLines: null,
};

/** Every field an agent's card of fast-agent may have, on its own: what it says, and what it changes here. */
const WORKING: [field: string, value: unknown, changes: Partial<AgentCard>][] = [
  ["schema_version", 1, {}],
  ["type", "Agent", {}],
  ["name", "time keeper", { name: "time_keeper" }],
  ["description", "Knows the time.", { description: "Knows the time." }],
  ["default", true, { default: true }],
  ["tool_only", true, { toolOnly: true }],
  ["instruction", "Tell the time.", { instruction: "Tell the time." }],
  ["model", "generic.llama3", { model: "generic.llama3" }],
  ["use_history", false, { useHistory: false }],
  // The files are read by loadCard.
  ["messages", "seed.json", {}],
  ["servers", ["mail", "files"], { servers: ["mail", "files"] }],
  [
    "mcp_connect",
    { mail: { target: "https://mail.test/mcp", headers: { Authorization: "Bearer ${MAIL_TOKEN}" } } },
    { connects: [{ name: "mail", url: "https://mail.test/mcp", headers: { Authorization: "Bearer ${MAIL_TOKEN}" } }] },
  ],
  // They say nothing without servers.
  ["tools", {}, {}],
  ["request_params", { temperature: 0.5, max_iterations: 3 }, { sampling: { temperature: 0.5 }, maxSteps: 3 }],
  ["agents", ["the helper", "the_helper", "other"], { children: { ...CALLS, agents: ["the_helper", "other"] } }],
  ["tool_input_schema", { type: "object" }, { inputSchema: { type: "object" } }],
];

/** The same of fields that say how an agent calls others. */
const WORKING_WITH_AGENTS: [field: string, value: unknown, changes: Partial<Children>][] = [
  ["history_source", "messages", { historySource: "messages" }],
  ["history_source", "orchestrator", { historySource: "orchestrator" }],
  ["history_merge_target", "orchestrator", { mergeTarget: "orchestrator" }],
  ["max_parallel", 4, { maxParallel: 4 }],
  ["child_timeout_sec", 1.5, { timeoutMs: 1500 }],
  ["max_display_instances", 10, { maxLines: 10 }],
];

/** The same of `request_params`. */
const PARAMS_WORKING: [param: string, value: unknown, changes: Partial<AgentCard>][] = [
  ["max_tokens", 5, { sampling: { maxTokens: 5 } }],
  ["temperature", 1, { sampling: { temperature: 1 } }],
  ["top_p", 0.5, { sampling: { topP: 0.5 } }],
  ["top_k", 40, { sampling: { topK: 40 } }],
  ["min_p", 0.1, { sampling: { minP: 0.1 } }],
  ["presence_penalty", 1, { sampling: { presencePenalty: 1 } }],
  ["frequency_penalty", 1, { sampling: { frequencyPenalty: 1 } }],
  ["repetition_penalty", 1.1, { sampling: { repetitionPenalty: 1.1 } }],
  ["stop_sequences", ["END"], { sampling: { stopSequences: ["END"] } }],
  ["max_iterations", 3, { maxSteps: 3 }],
  ["parallel_tool_calls", false, { sampling: { parallelToolCalls: false } }],
  ["streaming_timeout", 30, { idleMs: 30_000 }],
  ["template_vars", { tone: "dry", n: 1 }, { templateVars: { tone: "dry", n: "1" } }],
  ["model", "openai.gpt-5", { model: "openai.gpt-5" }],
  ["use_history", false, { useHistory: false }],
];
const PARAMS_WARNED: [param: string, value: unknown][] = [
  ["tool_choice", "auto"],
  ["response_format", { type: "json_object" }],
  ["structured_schema", {}],
  ["tool_result_mode", "passthrough"],
  ["service_tier", "flex"],
  ["metadata", {}],
  ["emit_loop_progress", true],
  ["system_prompt", "Help."],
  ["anything_new", 1],
];

/** Known, checked and without effect: the card loads and the operator is told. */
const WARNED: [field: string, value: unknown][] = [
  ["resources", { mail: ["inbox"] }],
  ["prompts", { mail: ["greeting"] }],
  ["mcp_connect", { mail: { target: "npx some-server" } }],
  ["history_source", "child"],
  ["history_merge_target", "child"],
  ["history_merge_target", "messages"],
  ["skills", "skills"],
  ["tool_hooks", { before_tool_call: "hooks.ts:before" }],
  ["lifecycle_hooks", { on_start: "hooks.ts:start" }],
  ["commands", { tidy: { handler: "commands.ts:tidy" } }],
  ["shell", true],
  ["cwd", "work"],
  ["subagents", true],
  ["subagent_model", "small"],
  ["harness_tools", true],
  ["save_trajectory", true],
  ["variables", { a: 1 }],
  ["human_input", true],
  ["api_key", "${MAIL_KEY}"],
  ["trim_tool_history", true],
];

/** What no agent can have here, because it would be something else than it says. */
const REFUSED: [field: string, value: unknown, says: RegExp][] = [
  ["mcp_connect", { mail: { target: "x", management: "provider" } }, /managed by its provider/],
  ["mcp_connect", { mail: { command: "npx" } }, /mail\.command may not stand in a card/],
  ["mcp_connect", [{ target: "x" }], /1\.name must be/],
  ["function_tools", "tools.py:add", /"tools\.py:add" is Python/],
  ["function_tools", [{ entrypoint: "tools.py:add" }], /is Python/],
  ["function_tools", ["tools.ts"], /must name a module and its export, as file\.ts:export/],
  ["function_tools", { entrypoint: "tools.ts:add", args: [] }, /function_tools: args: is not a field/],
  ["tool_hooks", { before_tool_call: "hooks.py:before" }, /is Python/],
  ["lifecycle_hooks", { on_start: "hooks.py:start" }, /is Python/],
  ["commands", { tidy: { handler: "commands.py:tidy" } }, /is Python/],
  ["history_merge_target", "cumulative", /must be one of none, child/],
  ["history_source", "all", /must be one of none, messages/],
  ["agents", "helper", /must be a list of texts/],
  ["max_parallel", 0, /must be a whole number of at least 1/],
  ["child_timeout_sec", 0, /must be a number above 0/],
  ["max_display_instances", 1.5, /must be a whole number of at least 1/],
  ["tool_input_schema", { type: "string" }, /must be a JSON Schema with "type: object"/],
  ["api_key", "abc", /name a variable of the environment/],
  ["schema_version", "one", /must be a whole number/],
  ["temperature", 1, /is not a field of a card; remove it/],
];

const WORKFLOWS: [type: string, fields: Record<string, unknown>][] = [
  ["chain", { sequence: ["a", "b"], cumulative: true }],
  ["parallel", { fan_out: ["a", "b"], fan_in: "c", include_request: true }],
  [
    "evaluator_optimizer",
    { generator: "a", evaluator: "b", min_rating: "GOOD", max_refinements: 3, refinement_instruction: "Mend it." },
  ],
  ["router", { agents: ["a", "b"] }],
  ["orchestrator", { agents: ["a", "b"], plan_type: "full", plan_iterations: 5 }],
  ["iterative_planner", { agents: ["a", "b"], plan_iterations: -1 }],
  ["MAKER", { worker: "a", k: 3, max_samples: 50, match_strategy: "exact", red_flag_max_length: 100 }],
  [
    "a2a",
    {
      url: "https://a.test",
      transport: "JSONRPC",
      streaming: true,
      polling: false,
      headers: {},
      auth: {},
      accepted_output_modes: ["text"],
      relative_card_path: "card.json",
      request_timeout_seconds: 120,
    },
  ],
];

const read = (fields: Record<string, unknown>) => readCard("agents/a.yaml", stringify(fields));

function faultsOf(fields: Record<string, unknown>): string[] {
  try {
    read(fields);
  } catch (error) {
    return publicMessage(error).split("\n");
  }
  return [];
}

describe("a field that works", () => {
  const plain = read({}).card;
  test.each(WORKING)("%s changes what the agent is", (field, value, changes) => {
    const { card, warnings } = read({ [field]: value });
    expect(card).toEqual({ ...plain, ...changes });
    expect(warnings).toEqual([]);
  });
});

test.each(WORKING_WITH_AGENTS)(
  "%s: %j changes how an agent calls others, and nothing without them",
  (field, value, changes) => {
    const { card, warnings } = read({ agents: ["helper"], [field]: value });
    expect(card.children).toEqual({ ...CALLS, ...changes });
    expect(warnings).toEqual([]);
    expect(read({ [field]: value }).card).toEqual(read({}).card);
  },
);

describe("servers and tools", () => {
  test("say whose tools an agent has, and which of them", () => {
    const { card, warnings } = read({ servers: ["mail", "files"], tools: { mail: ["read_*"] } });
    expect(card).toMatchObject({ servers: ["mail", "files"], toolFilters: { mail: ["read_*"] } });
    expect(warnings).toEqual([]);
  });

  test("are told of where tools are those of no server of the card", () => {
    const { card, warnings } = read({ servers: ["files"], tools: { mail: ["*"] } });
    expect(card).toMatchObject({ servers: ["files"] });
    expect(warnings).toEqual(['a.yaml: tools: "mail" is not among the servers of this card']);
  });

  test.each([{ servers: [5] }, { servers: "mail" }, { tools: ["mail"] }, { tools: { mail: "*" } }])(
    "may not be %j",
    (fields) => {
      const [field = ""] = Object.keys(fields);
      expect(faultsOf(fields)).toEqual([expect.stringMatching(new RegExp(`^a\\.yaml: ${field}: must be a `))]);
    },
  );
});

describe("request_params", () => {
  const plain = read({}).card;
  const camel = (name: string) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

  test.each(PARAMS_WORKING)("%s works, in snake and in camel case", (param, value, changes) => {
    for (const name of [param, camel(param)]) {
      expect(read({ request_params: { [name]: value } })).toMatchObject({
        card: { ...plain, ...changes },
        warnings: [],
      });
    }
    expect(faultsOf({ request_params: { [param]: null } })).toEqual([
      expect.stringMatching(new RegExp(`^a\\.yaml: request_params\\.${param}: must be `)),
    ]);
  });

  test.each(PARAMS_WARNED)("%s loads, with a warning", (param, value) => {
    const { card, warnings } = read({ request_params: { [camel(param)]: value } });
    expect(card).toEqual(plain);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^a\\.yaml: request_params\\.${camel(param)}: has no effect here`)),
    ]);
  });

  test("yields to the card's own fields, and goes before what stands behind the model's name", () => {
    const { card } = read({
      model: "a?temperature=1&top_p=1",
      use_history: true,
      request_params: { model: "b", use_history: false, temperature: 0 },
    });
    expect(card).toMatchObject({ model: "a", useHistory: true, sampling: { temperature: 0, topP: 1 } });
  });
});

describe("a field without effect", () => {
  const plain = read({}).card;
  test.each(WARNED)("%s loads, with a warning that names file and field", (field, value) => {
    const { card, warnings } = read({ [field]: value });
    expect(card).toEqual(plain);
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^a\\.yaml: ${field}: \\S`))]);
  });

  test.each(WARNED.filter(([field]) => field !== "variables"))("%s is checked all the same", (field) => {
    expect(faultsOf({ [field]: [[5]] })).toEqual([expect.stringMatching(new RegExp(`^a\\.yaml: ${field}: .*must `))]);
  });

  test.each([false, null, [], {}, "none"])("is not worth a warning where it asks for nothing: %j", (value) => {
    expect(read({ skills: value, servers: value, tools: value, tool_hooks: value }).warnings).toEqual([]);
  });
});

test.each(REFUSED)("%s: %j is refused", (field, value, says) => {
  const [fault = "", ...more] = faultsOf({ [field]: value });
  expect(fault).toMatch(new RegExp(`^a\\.yaml: ${field}: `));
  expect(fault).toMatch(says);
  expect(more).toEqual([]);
});

test.each(WORKFLOWS)("the type %s is refused in one sentence, whatever fields it has", (type, fields) => {
  expect(faultsOf({ type, ...fields })).toEqual([
    `a.yaml: type: "${type.toLowerCase()}" is not supported yet; only "agent" is`,
  ]);
});

test.each(WORKFLOWS.filter(([type]) => type !== "router"))(
  "the fields of %s are no fields of an agent",
  (type, fields) => {
    const [own = ""] = Object.keys(fields).filter((field) => field !== "agents");
    expect(faultsOf({ [own]: fields[own] })).toEqual([
      expect.stringMatching(new RegExp(`^a\\.yaml: ${own}: is a field of the type .*${type.toLowerCase()};`)),
    ]);
  },
);

test("an agent cannot be the default and for other agents alone", () => {
  expect(faultsOf({ default: true, tool_only: true })).toEqual([
    "a.yaml: tool_only: a default agent cannot be for other agents alone; keep one of them",
  ]);
});

test("another version of the format is read as the known one", () => {
  expect(read({ schema_version: 2 }).warnings).toEqual([
    "a.yaml: schema_version: 2 is read as 1, the one that is known here",
  ]);
});

test("the old type smart is an agent without its helpers, another one is none at all", () => {
  const { warnings } = read({ type: "smart" });
  expect(warnings).toEqual(['a.yaml: type: "smart" is read as "agent"; there are no built-in subagents here']);
  expect(faultsOf({ type: "wizard" })).toEqual(['a.yaml: type: "wizard" is not a type of agent; write "agent"']);
});

afterAll(() => {
  const refused = new Set(REFUSED.map(([field]) => field)).size;
  const fields = WORKFLOWS.reduce((sum, [, own]) => sum + Object.keys(own).length, 0);
  console.log(
    `card fields: ${WORKING.length + WORKING_WITH_AGENTS.length} work, ${WARNED.length} are warned of, values of ${refused} are refused; ` +
      `${WORKFLOWS.length} workflow types with ${fields} fields are refused; ` +
      `request_params: ${PARAMS_WORKING.length} work, ${PARAMS_WARNED.length} are warned of`,
  );
});
