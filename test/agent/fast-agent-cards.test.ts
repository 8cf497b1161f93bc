import { join } from "node:path";
import { expect, test } from "vitest";
import { loadAgents } from "../../src/agent/agents.ts";
import { textOf } from "../../src/agent/message.ts";

/** Folders of cards written after the public examples of fast-agent 0.10. */
const folder = (name: string) => join(import.meta.dirname, name);

test("a folder of fast-agent's cards loads, and each is what it says", async () => {
  const agents = await loadAgents(folder("cards"));
  expect(agents.list().map(({ name }) => name)).toEqual(["coder", "trip_planner", "reader", "translator"]);
  expect(agents.default()).toMatchObject({
    name: "trip_planner",
    instruction: "Ask your helpers, then answer in one table.",
    sampling: { maxTokens: 2048, parallelToolCalls: true },
  });
  expect(agents.default().children).toEqual({
    agents: ["weather", "sights"],
    historySource: "orchestrator",
    mergeTarget: "none",
    maxParallel: 2,
    timeoutMs: 60_000,
    maxLines: 10,
  });
  expect(agents.get("sights")?.inputSchema).toMatchObject({ required: ["town"] });
  expect(agents.get("weather")).toMatchObject({ toolOnly: true, instruction: "Tell the weather of Bern." });
  expect(agents.get("sights")).toMatchObject({ toolOnly: true, useHistory: false });
  expect(agents.get("translator")?.seed?.map(textOf)).toEqual(["Good morning.", "Salve."]);
  expect(agents.get("translator")?.templateVars).toEqual({ language: "Latin" });
});

test("what such a folder asks for in vain is told with file and field", async () => {
  const told: string[] = [];
  await loadAgents(folder("cards"), { onWarning: (warning) => told.push(warning) });
  await expect(`${told.join("\n")}\n`).toMatchFileSnapshot("../transcripts/card-warnings.txt");
});

test("cards that would be something else here are refused, all at once", async () => {
  const told = await loadAgents(folder("cards-refused")).then(
    () => [],
    (error: Error) => error.message.split("\n"),
  );
  expect(told).toEqual([
    "hosted.yaml: api_key: must not stand in a card; name a variable of the environment as ${NAME}",
    "hosted.yaml: mcp_connect: mail is managed by its provider, which is not supported",
    'pipeline.md: type: "chain" is not supported yet; only "agent" is',
    'remote.yaml: type: "a2a" is not supported yet; only "agent" is',
    'sums.md: function_tools: "sums.py:add" is Python, which does not run here; write it in TypeScript (file.ts:export) or remove it',
  ]);
});
