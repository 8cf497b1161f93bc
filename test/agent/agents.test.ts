import { mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadAgents } from "../../src/agent/agents.ts";
import { textOf } from "../../src/agent/message.ts";
import type { GatewayError } from "../../src/errors.ts";
import { callTool, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { cloneOf, runIt } from "./run-it.ts";

let dir: string;
/** Every write gets a time of its own, so that no test depends on the clock of the file system. */
let time = 1_700_000_000;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "agents-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dir, name), text);
    time += 1;
    await utimes(join(dir, name), time, time);
  }
}

const card = (fields = "", body = "Help.") => `---\n${fields}\n---\n${body}\n`;

async function faultsOf(load: Promise<unknown>): Promise<string[]> {
  const error = await load.then(
    () => null,
    (reason: GatewayError) => reason,
  );
  expect(error).toMatchObject({ name: "GatewayError", code: "invalid" });
  return (error as GatewayError).message.split("\n");
}

async function loaded(files: Record<string, string>) {
  await write(files);
  const faults: string[] = [];
  const warnings: string[] = [];
  const agents = await loadAgents(dir, {
    onFault: (fault) => faults.push(fault.message),
    onWarning: (warning) => warnings.push(warning),
    faultOfServer: (server) => (server === "mail" ? "is off" : null),
  });
  return { agents, faults, warnings };
}

describe("loading a directory", () => {
  test("reads its cards in the order of their names, and only them", async () => {
    await write({
      "b.yaml": "description: two",
      "a.md": card(),
      "c.MARKDOWN": card(),
      "notes.md": "# No frontmatter\n",
      "README.md": card("name: readme"),
      "SKILL.md": card("name: skill"),
      "parley.yaml": "agents: { a: { on_busy: queue } }",
      ".hidden.md": card("name: hidden"),
      "data.json": "{}",
    });
    await symlink(join(dir, "b.yaml"), join(dir, "d.yaml"));
    await symlink(dir, join(dir, "e.yaml"));
    const agents = await loadAgents(dir);
    expect(agents.list().map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
    expect(agents.get("b")?.description).toBe("two");
    expect(agents.get("nobody")).toBeNull();
  });

  test("takes as default the operator's choice, else the card that says so, else the first", async () => {
    await write({ "a.md": card(), "b.md": card() });
    expect((await loadAgents(dir)).default().name).toBe("a");
    await write({ "c.md": card("default: true") });
    expect((await loadAgents(dir)).default().name).toBe("c");
    expect((await loadAgents(dir, { defaultAgent: "b" })).default().name).toBe("b");
  });

  test("does not offer people an agent for other agents alone, who is there all the same", async () => {
    await write({ "a.md": card("tool_only: true"), "b.md": card() });
    const agents = await loadAgents(dir);
    expect(agents.list().map(({ name }) => name)).toEqual(["b"]);
    expect(agents.default().name).toBe("b");
    expect(agents.get("a")?.toolOnly).toBe(true);
    await write({ "parley.yaml": 'agents: { a: { on_busy: queue } }\nplaces: { "telegram:-1": { agent: a } }' });
    expect(await faultsOf(loadAgents(dir, { defaultAgent: "a" }))).toEqual([
      'DEFAULT_AGENT: "a" is for other agents alone; there are b',
      'parley.yaml: places.telegram:-1.agent: "a" is for other agents alone',
    ]);
    await rm(join(dir, "b.md"));
    await rm(join(dir, "parley.yaml"));
    expect(await faultsOf(loadAgents(dir))).toEqual([expect.stringMatching(/^there is no agent for people: /)]);
  });

  test("tells the faults of all files at once", async () => {
    await write({ "a.md": card("nam: x"), "b.yaml": "- list", "c.md": card(), "d.md": card("type: chain\nmodel: 5") });
    expect(await faultsOf(loadAgents(dir))).toEqual([
      expect.stringMatching(/^a\.md: nam: is not a field/),
      expect.stringMatching(/^b\.yaml: .*mapping/),
      expect.stringMatching(/^d\.md: type: "chain"/),
      expect.stringMatching(/^d\.md: model: /),
    ]);
  });

  test("refuses a card whose model's provider nobody has set up, and says what to do", async () => {
    await write({ "a.md": card("model: anthropic.claude-x") });
    expect(await faultsOf(loadAgents(dir))).toEqual([
      'a.md: model: there is no provider "anthropic" (providers: openai); ' +
        "add it to providers in parley.yaml, or write openai.anthropic.claude-x if that is the model's whole name",
    ]);
    await write({ "parley.yaml": "providers: { anthropic: { key: '${KEY}' } }" });
    const lookup = (name: string) => (name === "KEY" ? "sk-x" : undefined);
    const agents = await loadAgents(dir, { providers: { own: null, lookup } });
    expect(agents.get("a")?.model).toBe("anthropic.claude-x");
  });

  test("refuses two agents of one name, two defaults and a default that is not there, all at once", async () => {
    await write({ "a.md": card("default: true"), "b.md": card("name: a\ndefault: true") });
    expect(await faultsOf(loadAgents(dir, { defaultAgent: "z" }))).toEqual([
      'b.md: name: "a" is taken by a.md; rename one of them',
      "b.md: default: a.md is the default already; keep one of them",
      'DEFAULT_AGENT: there is no agent "z"; there are a',
    ]);
  });

  test("refuses a directory without an agent, a missing one and a file too large to be a card", async () => {
    expect(await faultsOf(loadAgents(dir))).toEqual([expect.stringMatching(/^there is no agent: /)]);
    const [missing] = await faultsOf(loadAgents(join(dir, "nowhere")));
    expect(missing).toMatch(/cannot be read \(ENOENT\); make it, or set AGENTS_DIR/);
    expect(missing).not.toContain(dir);
    await write({ "a.md": card("", "x".repeat(300_000)) });
    expect(await faultsOf(loadAgents(dir))).toEqual(["a.md: is larger than 256 kB; shorten it"]);
  });

  test("the agents of this repository load, with the demo agent as default", async () => {
    const agents = await loadAgents(join(import.meta.dirname, "../../agents"));
    expect(agents.default().name).toBe("demo");
    expect(agents.list().length).toBeGreaterThan(1);
  });
});

describe("reloading a directory", () => {
  test("shows changed, new and removed files, and leaves a card handed out before as it was", async () => {
    const { agents, faults } = await loaded({ "a.md": card("description: old"), "b.md": card() });
    const before = agents.get("a");
    await write({ "a.md": card("description: new"), "c.md": card() });
    await rm(join(dir, "b.md"));
    await agents.reload();
    expect(agents.list().map(({ name, description }) => `${name} ${description}`)).toEqual(["a new", "c "]);
    expect(before?.description).toBe("old");
    expect(faults).toEqual([]);
  });

  test("lets a run that is under way finish on the card it began with", async () => {
    const { agents } = await loaded({ "a.md": card("messages: seed.txt", "Old."), "seed.txt": "old" });
    const pause = hold();
    const model = scriptedModel([pause, callTool("look", {})], "Done.", "Done.");
    const tools = scriptedTools({ look: { answer: "" } });
    const running = runIt(cloneOf({ model, tools, card: agents.default() }));
    await pause.reached;
    await write({ "a.md": card("messages: seed.txt", "New."), "seed.txt": "new" });
    await agents.reload();
    pause.release();
    await running;
    await runIt(cloneOf({ model, tools, card: agents.default() }));
    const sent = model.requests.map(({ instruction, messages }) => `${instruction} ${textOf(messages[0]!)}`);
    expect(sent).toEqual(["Old. old", "Old. old", "New. new"]);
  });

  test("does not read a file again whose time and size are the same", async () => {
    const { agents } = await loaded({ "a.md": card("description: one") });
    const before = agents.get("a");
    await agents.reload();
    expect(agents.get("a")).toBe(before);
  });

  test("keeps the card of a file that broke, tells it once, and goes on when it is mended", async () => {
    const { agents, faults } = await loaded({ "a.md": card("description: good"), "b.md": card() });
    await write({ "a.md": card("descriptio: bad"), "b.md": card("description: changed") });
    await agents.reload();
    await agents.reload();
    expect(agents.get("a")?.description).toBe("good");
    expect(agents.get("b")?.description).toBe("changed");
    expect(faults).toEqual([expect.stringMatching(/^a\.md: descriptio: is not a field/)]);
    await write({ "a.md": card("description: better") });
    await agents.reload();
    expect(agents.get("a")?.description).toBe("better");
    expect(faults).toHaveLength(1);
  });

  test("keeps the set whose agents find each other, and goes on when another one does", async () => {
    const { agents, faults } = await loaded({ "a.md": card("agents: [b]"), "b.md": card("tool_only: true") });
    await rm(join(dir, "b.md"));
    await agents.reload();
    await agents.reload();
    expect(agents.get("b")).toMatchObject({ toolOnly: true });
    await write({ "b.md": card("agents: [a]") });
    await agents.reload();
    expect(agents.get("b")).toMatchObject({ toolOnly: true });
    expect(faults).toEqual([
      'a.md: agents: there is no agent "b"',
      "a.md: agents: call each other in a circle: a → b → a",
    ]);
    await write({ "b.md": card("description: new") });
    await agents.reload();
    expect(agents.get("b")).toMatchObject({ description: "new" });
    expect(faults).toHaveLength(2);
  });

  test("warns of what a card asks for in vain whenever its file was read, not in between", async () => {
    const { agents, warnings } = await loaded({ "a.md": card("servers: [mail, files]\nshell: true"), "b.md": card() });
    expect(warnings.map((warning) => warning.split(";")[0])).toEqual([
      "a.md: shell: there is no shell here",
      'a.md: servers: "mail" is off',
    ]);
    await agents.reload();
    expect(warnings).toHaveLength(2);
    await write({ "a.md": card("shell: true") });
    await agents.reload();
    expect(warnings.slice(2)).toEqual(["a.md: shell: there is no shell here"]);
  });

  test("reads a card again when a file changed that it names, and keeps the card while that file is broken", async () => {
    const fields = "messages: seed.json";
    const { agents, faults } = await loaded({
      "seed.json": '[{"role": "user", "content": "1"}]',
      "a.md": card(fields),
    });
    const seed = () => agents.get("a")?.seed?.map(textOf);
    expect(seed()).toEqual(["1"]);
    await write({ "seed.json": '[{"role": "user", "content": "2"}]' });
    await agents.reload();
    expect(seed()).toEqual(["2"]);
    await write({ "seed.json": "[" });
    await agents.reload();
    await agents.reload();
    expect(seed()).toEqual(["2"]);
    expect(faults).toEqual(["a.md: messages: seed.json is not JSON"]);
    await write({ "seed.json": '[{"role": "user", "content": "3"}]' });
    await agents.reload();
    expect(seed()).toEqual(["3"]);
    await rm(join(dir, "seed.json"));
    await agents.reload();
    expect(seed()).toEqual(["3"]);
    expect(faults.slice(1)).toEqual(["a.md: messages: seed.json cannot be read (ENOENT)"]);
  });

  test("keeps an agent whose card became what does not run here", async () => {
    const { agents, faults, warnings } = await loaded({ "a.md": card("description: good") });
    await write({ "a.md": card("type: chain\nsequence: [b]\nshell: true") });
    await agents.reload();
    await write({ "a.md": card("function_tools: tools.py:add\nshell: true") });
    await agents.reload();
    expect(agents.get("a")?.description).toBe("good");
    expect(faults).toEqual([
      'a.md: type: "chain" is not supported yet; only "agent" is',
      expect.stringMatching(/^a\.md: function_tools: "tools\.py:add" is Python/),
    ]);
    expect(warnings).toEqual([]);
  });

  test("keeps the settings of a parley.yaml that broke, tells it once, and forgets those of a removed one", async () => {
    const { agents, faults } = await loaded({ "a.md": card(), "parley.yaml": "agents: { a: { on_busy: queue } }" });
    expect(agents.settings().agents.get("a")).toEqual({ on_busy: "queue" });
    await write({ "parley.yaml": "agents: { a: { on_busy: later } }" });
    await agents.reload();
    await agents.reload();
    expect(agents.settings().agents.get("a")).toEqual({ on_busy: "queue" });
    expect(faults).toEqual([expect.stringMatching(/^parley\.yaml: agents\.a\.on_busy: must be one of/)]);
    await rm(join(dir, "parley.yaml"));
    await agents.reload();
    // It may be back at once.
    expect(agents.settings().agents.get("a")).toEqual({ on_busy: "queue" });
    await agents.reload();
    expect(agents.settings().agents.size).toBe(0);
    expect(faults.slice(1)).toEqual(["parley.yaml: is gone, and with it what it had set"]);
  });

  test("names settings for an agent that is not there, at the start and once when it goes", async () => {
    const settings = 'agents: { a: { on_busy: queue } }\nplaces: { "telegram:-1": { agent: b } }';
    await write({ "a.md": card(), "parley.yaml": settings });
    expect(await faultsOf(loadAgents(dir))).toEqual(['parley.yaml: places.telegram:-1.agent: there is no agent "b"']);
    const { agents, faults } = await loaded({ "b.md": card() });
    await rm(join(dir, "b.md"));
    await agents.reload();
    await agents.reload();
    expect(faults).toEqual(['parley.yaml: places.telegram:-1.agent: there is no agent "b"']);
  });

  test("keeps settings whose provider an agent still needs, and takes them with the card that does without", async () => {
    const use = "providers: { here: { base_url: 'http://127.0.0.1:1/v1' } }";
    const { agents, faults } = await loaded({ "a.md": card("model: here.m"), "parley.yaml": use });
    expect([...agents.settings().providers.keys()]).toEqual(["here"]);
    await write({ "parley.yaml": "providers: {}\n" });
    await agents.reload();
    await agents.reload();
    expect([...agents.settings().providers.keys()]).toEqual(["here"]);
    expect(faults).toEqual([
      expect.stringMatching(/^a\.md: model: there is no provider "here" \(providers: openai\); /),
    ]);
    await write({ "a.md": card("model: gpt-5.1") });
    await agents.reload();
    expect(agents.settings().providers.size).toBe(0);
    expect(agents.get("a")?.model).toBe("gpt-5.1");
  });

  test("gives each agent the fallback that was set for it", async () => {
    const { agents } = await loaded({ "a.md": card(), "b.md": card() });
    expect(agents.get("a")?.fallback).toBeUndefined();
    await write({ "parley.yaml": "agents: { a: { fallback: openai.small?temperature=0 } }" });
    await agents.reload();
    expect(agents.get("a")?.fallback).toEqual({ model: "openai.small", sampling: { temperature: 0 } });
    expect(agents.get("b")?.fallback).toBeUndefined();
  });

  test("keeps the card of a file that is empty, or half written, for now", async () => {
    const { agents, faults } = await loaded({ "a.md": card("description: good"), "b.md": card() });
    await write({ "a.md": "" });
    await agents.reload();
    expect(agents.get("a")?.description).toBe("good");
    expect(faults).toEqual([expect.stringMatching(/^a\.md: frontmatter: is missing/)]);
    await write({ "a.md": card("description: better") });
    await agents.reload();
    expect(agents.get("a")?.description).toBe("better");
  });

  test("keeps the whole set while the new one does not fit together, and tells it once", async () => {
    const { agents, faults } = await loaded({ "a.md": card(), "b.md": card() });
    await write({ "b.md": card("name: a") });
    await agents.reload();
    await agents.reload();
    expect(agents.list().map(({ name }) => name)).toEqual(["a", "b"]);
    expect(faults).toEqual(['b.md: name: "a" is taken by a.md; rename one of them']);
  });

  test("keeps its agents when the directory vanishes, and tells it once", async () => {
    const { agents, faults } = await loaded({ "a.md": card() });
    await rm(dir, { recursive: true });
    await agents.reload();
    await agents.reload();
    expect(agents.default().name).toBe("a");
    expect(faults).toEqual([expect.stringContaining("cannot be read (ENOENT)")]);
  });

  test("asked for twice at the same time happens once", async () => {
    const { agents } = await loaded({ "a.md": card() });
    expect(agents.reload()).toBe(agents.reload());
    await agents.reload();
  });
});
