import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpMcpServer, startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import { contentText, type Script } from "../fakes/model/script.ts";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file, inTwo } from "../support/transcript.ts";
import { annInPrivate, lastTexts } from "../support/voice.ts";

/** So that the chat shows each step before the next one. */
const STEP_MS = 2_500;
const index = (...pages: string[]): Script => ({ text: "", toolCalls: [{ name: "docs__index", args: { pages } }] });

const STEPS: Record<string, Script[]> = {
  guide: [
    {
      ...index("Atlas", "@channel `Bible` [x](https://evil.example/?leak=1)"),
      ...atOnce("I shall go along the shelf."),
    },
    { text: "", toolCalls: [{ name: "agent__reader", args: { message: "the cellar" } }], ttftMs: STEP_MS },
    { ...inTwo("All of them stand in the", " index now."), ttftMs: STEP_MS },
  ],
  reader: [index("Codex"), atOnce("Done.")],
};

const scene = sceneOf({
  slack: {},
  cards: {
    "guide.md": "---\nagents: [reader]\nservers: [docs]\n---\nYou are the guide.\n",
    "reader.md": "---\ntool_only: true\nservers: [docs]\n---\nYou are the reader.\n",
  },
  env: { DEFAULT_AGENT: "guide" },
});
let folder: string;
let docs: HttpMcpServer;

beforeAll(async () => {
  docs = await startHttpMcpServer();
  folder = await mkdtemp(path.join(tmpdir(), "parley-mcp-"));
  const config = path.join(folder, "servers.yaml");
  await writeFile(config, `mcp: { servers: { docs: { url: "${docs.url}" } } }`);
  await scene().start({ slack: "socket", env: { MCP_CONFIG: config } });
  scene().model.script(({ messages }) => {
    const steps = STEPS[/You are the (\w+)/.exec(contentText(messages[0]))?.[1] ?? ""] ?? [];
    const since = messages.findLastIndex(({ role }) => role === "user");
    return steps[messages.slice(since).filter(({ role }) => role === "assistant").length] ?? {};
  });
});
afterAll(async () => {
  await docs.close();
  await rm(folder, { recursive: true });
});

test("people see how far a server's tool is, and one of an agent that was called", { timeout: 120_000 }, async () => {
  const places = annInPrivate(scene());
  const shown = ({ voice }: (typeof places)[number]) => (lastTexts(voice).at(-1) ?? "").replaceAll(/[`\u200B]/g, "");
  const allSee = (pattern: RegExp) =>
    Promise.all(places.map((place) => place.voice.until(() => pattern.test(shown(place)), 30_000)));
  for (const { voice } of places) voice.say("index the books");
  await allSee(/⏳ docs index → 1\/2 Atlas/u);
  docs.proceed();
  await allSee(/⏳ docs index → 2\/2 @channel 'Bible' \[x\]\(evil.example/u);
  docs.proceed();
  await allSee(/✓ docs index/u);
  await allSee(/⏳ reader: the cellar → docs index: 1\/1 Codex/u);
  docs.proceed();
  await allSee(/stand in the index now\.$/u);
  for (const { platform, voice, lines } of places) {
    await voice.until(() => !lines().at(-1)?.endsWith("[Stop]"), 30_000);
    await expect(asRead(steady(lines()))).toMatchFileSnapshot(file(`${platform}-mcp-progress`));
  }
});

/** How long something took, how often one saw that it still goes on, and whether one saw it begin, differs from run to run. */
function steady(lines: string[]): string[] {
  const masked = lines.map((line) => line.replaceAll(/ · \d+ s\b/gu, "").replaceAll(/\d+ s\b/g, "<n> s"));
  const told = masked.filter((line) => !/⏳ [^→]*(?: → docs index)?\n/u.test(`${line}\n`));
  return told.filter((line, at) => line.replace("~", ":") !== told[at - 1]?.replace("~", ":"));
}
