import { expect, test } from "vitest";
import { contentText } from "../fakes/model/script.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";
import { atOnce } from "../support/transcript.ts";

const CARDS = {
  "reader.md": `---\nfunction_tools: tools.ts:countLines\n---\nYou are the reader. ${CANARIES.systemPrompt}\n`,
  "tools.ts": `export const countLines = {
  description: "How many lines a text has.",
  schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
  readOnly: true,
  run: ({ text }: { text: string }): number => text.split("\\n").length,
};
`,
};

const scene = sceneOf({ cards: CARDS, env: { DEFAULT_AGENT: "reader" } });

test("an agent has the functions of its card, and reads the web once that is granted, but nothing of this machine", async () => {
  await scene().set("agents:\n  reader:\n    tools: [web_fetch]\n");
  await scene().start();
  const { chat, user } = scene().person("Ann");
  scene().model.script(({ messages }) => {
    if (messages.at(-1)?.role === "tool") return atOnce("That is all I know.");
    return {
      text: "",
      toolCalls: [
        { name: "countLines", args: { text: "one\ntwo" } },
        { name: "web_fetch", args: { url: "http://127.0.0.1/admin" } },
      ],
    };
  });
  await scene().ask(chat, user, "what do you see?");
  const answered = () => scene().model.requests.find(({ messages }) => messages.at(-1)?.role === "tool");
  await scene().model.until(() => answered() !== undefined, 15_000);
  const results = answered()!
    .messages.filter(({ role }) => role === "tool")
    .map(contentText);
  expect(results[0]).toBe("2");
  expect(results[1]).toBe('Error: web_fetch failed: "127.0.0.1" has no public address.');
  const tools = (answered()!.body as { tools: { function: { name: string } }[] }).tools;
  expect(tools.map((tool) => tool.function.name)).toEqual(expect.arrayContaining(["countLines", "web_fetch"]));
  await scene().shows(chat, "That is all I know.\n\n⚠️ No result from: web fetch.");
});
