import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpMcpServer, startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import type { Script, ScriptedCall } from "../fakes/model/script.ts";
import { sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file } from "../support/transcript.ts";
import { lastTexts, TelegramVoice } from "../support/voice.ts";

/** So that the chat shows each step before the next one. */
const STEP_MS = 2_500;
const TIMEOUT = { timeout: 120_000 };
const CARD = "---\nname: reader\nservers: [docs]\ntools: { docs: [echo, hangs] }\n---\nYou read documents.\n";

describe("what people see of an MCP server", () => {
  const scene = sceneOf({});
  let folder: string;
  let docs: HttpMcpServer;

  beforeAll(async () => {
    docs = await startHttpMcpServer();
    folder = await mkdtemp(path.join(tmpdir(), "parley-mcp-"));
    const config = path.join(folder, "servers.yaml");
    await writeFile(config, `mcp: { servers: { docs: { url: "${docs.url}" } } }`);
    await mkdir(path.join(folder, "agents"));
    await writeFile(path.join(folder, "agents", "reader.md"), CARD);
    await writeFile(path.join(folder, "agents", "parley.yaml"), "feedback: off\n");
    await scene().start({ env: { MCP_CONFIG: config, AGENTS_DIR: path.join(folder, "agents") } });
  });
  afterAll(async () => {
    await docs.close();
    await rm(folder, { recursive: true });
  });

  const voiceOf = () => {
    const ann = scene().person("Ann");
    return { ann, voice: new TelegramVoice(scene(), "Ann", ann) };
  };
  const shows = (voice: TelegramVoice, text: string | RegExp) =>
    voice.until(() => {
      const shown = lastTexts(voice).at(-1) ?? "";
      return typeof text === "string" ? shown === text : text.test(shown);
    }, 30_000);

  test("its tools are the agent's, under its name, and those alone that the card lets through", TIMEOUT, async () => {
    const { voice } = voiceOf();
    says([calling({ name: "docs__echo", args: { text: "page one" } }), atOnce("It says page one, and no more.")]);
    voice.say("read it");
    await shows(voice, "It says page one, and no more.");
    const { body, messages } = scene().model.requests.at(-1)!;
    expect(JSON.stringify(body)).toMatch(/"docs__echo".*"docs__hangs"/);
    expect(JSON.stringify(body)).not.toContain("docs__write");
    expect(messages.findLast(({ role }) => role === "tool")?.content).toBe("page one");
  });

  test(
    "killed in mid-call it costs the call; the next answer does without it, the one after has it again",
    TIMEOUT,
    async () => {
      const { ann, voice } = voiceOf();
      says([
        { ...calling({ name: "docs__hangs" }), ...atOnce("Let me look into the documents.") },
        { ...atOnce("I could not read them, sorry."), ttftMs: STEP_MS },
      ]);
      voice.say("read them");
      await shows(voice, "Let me look into the documents.\n\n⏳ docs hangs");
      await docs.close();
      await shows(voice, /I could not read them, sorry\.\n\n⚠️ No result from: docs hangs\.$/u);
      const result = scene()
        .model.requests.at(-1)!
        .messages.findLast(({ role }) => role === "tool");
      expect(result?.content).toBe("Error: The connection to docs broke before hangs had a result.");

      says([atOnce("I know it by heart.")]);
      voice.say("and now?");
      await shows(voice, "I know it by heart.\n\n⚠️ Tools out of reach right now: docs.");
      const asked = JSON.stringify(scene().model.requests.at(-1)!.body);
      expect(asked).toContain("The tools of docs cannot be reached right now.");
      await expect(asRead(scene().telegram.transcript(ann.chat).map(withoutTicks))).toMatchFileSnapshot(
        file("telegram-mcp-server"),
      );

      await docs.listen();
      says([calling({ name: "docs__echo", args: { text: "back" } }), atOnce("There it is again, all of it.")]);
      voice.say("again?");
      await shows(voice, "There it is again, all of it.");
    },
  );

  function calling(...toolCalls: ScriptedCall[]): Script {
    return { toolCalls, text: "" };
  }

  /** What the model says and calls, step by step; a step is known by the results before it. */
  function says(steps: Script[]): void {
    scene().model.script(({ messages }) => {
      const since = messages.findLastIndex(({ role }) => role === "user");
      return steps[messages.slice(since).filter(({ role }) => role === "assistant").length] ?? {};
    });
  }
});

function withoutTicks(line: string): string {
  return line.replaceAll(/ · \d+ s\b/gu, "");
}
