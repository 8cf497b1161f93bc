import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadAgents } from "../../src/agent/agents.ts";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { createModuleRunner } from "../../src/agent/module-runner.ts";
import { outsideClone } from "./outside-cards.ts";
import { protocol } from "./run-it.ts";

let dir: string;
/** Every write gets a time of its own, so that no test depends on the clock of the file system. */
let time = 1_700_000_000;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "outside-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dir, name), text);
    time += 1;
    await utimes(join(dir, name), time, time);
  }
}

async function loaded(files: Record<string, string>) {
  await write(files);
  const faults: string[] = [];
  const agents = await loadAgents(dir, { onFault: (fault) => faults.push(fault.message) });
  return { agents, faults };
}

const says = (text: string) => `export async function* agent() { yield ${JSON.stringify(text)}; }\n`;
const CODER = "agents: { coder: { description: Writes code, module: coder.ts:agent } }\n";
const REMOTE = "agents: { weather: { description: Sees the sky, remote: { url: http://127.0.0.1:9/v1 } } }\n";
const CARD = "---\ndescription: here\n---\nHelp.\n";

/** What an agent of code says. */
async function saidBy(card: AgentCard | null): Promise<string | undefined> {
  if (!card) throw new Error("there is no such agent");
  const events = [];
  for await (const event of createModuleRunner().run(outsideClone(card), new AbortController().signal))
    events.push(event);
  return protocol(events)[0];
}

test("agents without cards are chosen like others, and called by others", async () => {
  const parent = "---\nagents: [weather]\n---\nAsk.\n";
  const { agents } = await loaded({ "a.md": CARD, "b.md": parent, "parley.yaml": REMOTE });
  expect(agents.list().map(({ name, description }) => [name, description])).toEqual([
    ["a", "here"],
    ["b", ""],
    ["weather", "Sees the sky"],
  ]);
  expect(agents.get("weather")?.outside).toMatchObject({ remote: { url: "http://127.0.0.1:9/v1" } });
  expect(agents.default().name).toBe("a");
});

test("one is enough to begin with, and it may be the operator's default", async () => {
  await write({ "parley.yaml": REMOTE });
  expect((await loadAgents(dir)).default().name).toBe("weather");
  await write({ "a.md": CARD });
  expect((await loadAgents(dir, { defaultAgent: "weather" })).default().name).toBe("weather");
});

test("an agent that has a card has no other place to run", async () => {
  await write({ "weather.md": CARD, "parley.yaml": REMOTE });
  await expect(loadAgents(dir)).rejects.toThrow('parley.yaml: agents.weather: name: "weather" is taken by weather.md');
});

test("changed code answers the next run; broken code leaves the last good one, and is told once", async () => {
  const { agents, faults } = await loaded({ "a.md": CARD, "coder.ts": says("one"), "parley.yaml": CODER });
  expect(await saidBy(agents.get("coder"))).toBe("“one”");
  const before = agents.get("coder");
  await agents.reload();
  expect(agents.get("coder")).toBe(before);
  await write({ "coder.ts": says("two") });
  await agents.reload();
  expect(await saidBy(agents.get("coder"))).toBe("“two”");
  expect(await saidBy(before)).toBe("“one”");
  await write({ "coder.ts": "export const agent = 7;\n" });
  await agents.reload();
  await agents.reload();
  expect(await saidBy(agents.get("coder"))).toBe("“two”");
  expect(faults).toEqual([
    "parley.yaml: agents.coder.module: coder.ts:agent: must be a function of (clone, signal), as a rule async function*",
  ]);
});

test("changed settings reach the next run, removed ones end their agent, broken ones change nothing", async () => {
  const { agents, faults } = await loaded({ "a.md": CARD, "parley.yaml": REMOTE });
  await write({ "parley.yaml": REMOTE.replace(":9/", ":10/") });
  await agents.reload();
  expect(agents.get("weather")?.outside).toMatchObject({ remote: { url: "http://127.0.0.1:10/v1" } });
  await write({ "parley.yaml": REMOTE.replace("url: http", "url: ftp") });
  await agents.reload();
  expect(agents.get("weather")?.outside).toMatchObject({ remote: { url: "http://127.0.0.1:10/v1" } });
  expect(faults).toHaveLength(1);
  await write({ "parley.yaml": "agents: {}\n" });
  await agents.reload();
  expect(agents.get("weather")).toBeNull();
});

test.each([
  ["nothing there", {}, "cannot be read (ENOENT)"],
  ["no such export", { "coder.ts": "export const other = 1;\n" }, "there is no such export"],
  ["code that throws", { "coder.ts": 'throw new Error("no");\n' }, "does not load (no)"],
])("code that is not there ends the start: %s", async (_what, files, fault) => {
  await write({ "a.md": CARD, "parley.yaml": CODER, ...files });
  await expect(loadAgents(dir)).rejects.toThrow(`parley.yaml: agents.coder.module: coder.ts:agent: ${fault}`);
});
