import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadCard } from "../../src/agent/load-card.ts";
import { userMessage } from "../../src/agent/message.ts";
import { answer } from "./run-it.ts";

let top: string;
let dir: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "cards-"));
  dir = join(top, "agents");
  await write({ "../secret.txt": "the operator's", ".env": "KEY=1", "seed.txt": "---USER\nHi\n---ASSISTANT\nHello" });
});
afterEach(() => rm(top, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
}

async function load(text: string) {
  await write({ "a.yaml": text });
  return loadCard(dir, "a.yaml", () => undefined, false);
}

describe("messages of a card", () => {
  test("come from the files it names, in order, also from folders below", async () => {
    await write({ "more/end.json": '{"messages": [{"role": "user", "content": "Bye"}]}' });
    const { card, faults, stamps } = await load("messages: [seed.txt, more/end.json]");
    expect(card?.seed).toEqual([userMessage("Hi"), answer("Hello"), userMessage("Bye")]);
    expect(faults).toEqual([]);
    expect([...stamps.keys()]).toEqual(["a.yaml", "seed.txt", "more/end.json"]);
    expect((await load("messages: ./seed.txt")).card?.seed).toHaveLength(2);
  });

  test("warn of what is left out, by the names of both files", async () => {
    await write({ "seed.txt": "---RESOURCE\na.pdf" });
    expect((await load("messages: seed.txt")).warnings).toEqual([
      "a.yaml: messages: seed.txt names a resource, which is left out",
    ]);
  });
});

describe("an instruction", () => {
  test("warns of placeholders that stay empty, also those of its files", async () => {
    await write({ "rules.md": "{{agentSkills}}" });
    expect((await load('instruction: "{{file:rules.md}}"')).warnings).toEqual([
      "a.yaml: instruction: {{agentSkills}} is left empty: skills are not read yet",
    ]);
  });

  test("includes files of its folder; a silent one may be missing", async () => {
    await write({ "rules.md": "Be kind, {{agentName}}. $& {{file:seed.txt}}" });
    const { card, faults } = await load('instruction: "{{file:rules.md}} {{file_silent:none.md}}End."');
    expect(card?.instruction).toBe("Be kind, {{agentName}}. $& {{file:seed.txt}} End.");
    expect(faults).toEqual([]);
    expect((await load('instruction: "{{file:none.md}}"')).faults).toEqual([
      "a.yaml: instruction: {{file:none.md}} cannot be read (ENOENT)",
    ]);
  });
});

describe("a file that a card names", () => {
  test.each([
    "../secret.txt",
    "more/../../secret.txt",
    "..\\secret.txt",
    "/etc/passwd",
    "C:\\secret.txt",
    ".env",
    "./.env",
    "link.txt",
    "linked/secret.txt",
    "more",
    "none.txt",
  ])("is refused: %s", async (path) => {
    await write({ "more/x.txt": "" });
    await symlink(join(top, "secret.txt"), join(dir, "link.txt"));
    await symlink(top, join(dir, "linked"));
    const seed = await load(JSON.stringify({ messages: path }));
    expect(seed.card).toBeNull();
    expect(seed.faults).toEqual([
      expect.stringMatching(/^a\.yaml: messages: \S+ (must lie in|is a link|is not a file|cannot be read)/),
    ]);
    const included = await load(JSON.stringify({ instruction: `{{file:${path}}}` }));
    expect(included.faults).toEqual([expect.stringMatching(/^a\.yaml: instruction: \{\{file:/)]);
    expect(JSON.stringify([seed, included])).not.toMatch(/the operator's|KEY=1/);
  });

  test("is not let out by a silent placeholder either", async () => {
    expect((await load('instruction: "{{file_silent:../secret.txt}}"')).faults).toHaveLength(1);
  });

  test("may be a link that stays inside, as in a mounted folder", async () => {
    await write({ "..data/real.txt": "Hello" });
    await symlink("..data/real.txt", join(dir, "seed2.txt"));
    expect((await load("messages: seed2.txt")).card?.seed).toEqual([userMessage("Hello")]);
  });

  test("counts for what a card may have in all", async () => {
    await write({ "big.txt": "x".repeat(200_000) });
    expect((await load("messages: big.txt")).faults).toEqual([]);
    expect((await load("messages: [big.txt, big.txt]")).faults).toEqual([
      expect.stringMatching(/^a\.yaml: messages: big\.txt is too large; 256 kB/),
    ]);
  });
});
