import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { contentText, type SentChatMessage } from "../fakes/model/script.ts";
import { Stage } from "../support/chaos/stage.ts";

const USAGE = { input: 100, output: 10 };
const CARDS = {
  "guide.md": "---\ndefault: true\nagents: [historian, critic]\n---\nYou are the guide.\n",
  "historian.md": "---\ntool_only: true\n---\nYou are the historian.\n",
  "critic.md": "---\ntool_only: true\n---\nYou are the critic.\n",
};
const ANSWER = "The bridge is from 1450, and it is fine.";

it("asks only that called agent again which was at work when its gateway was killed, in the same message", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-agents-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(CARDS)) await writeFile(path.join(folder, name), text);
  const stage = await Stage.open({ env: { AGENTS_DIR: folder } });
  let killed = false;
  stage.model.script(({ messages }) => {
    const agent = agentOf(messages);
    if (agent === "historian") return { usage: USAGE, text: "Built in 1450." };
    if (agent === "critic") return killed ? { usage: USAGE, text: "It is fine." } : { fault: "stall-before" };
    if (messages.some(({ role }) => role === "tool")) return { usage: USAGE, text: ANSWER };
    const toolCalls = ["historian", "critic"].map((name) => {
      return { id: `to_${name}`, name: `agent__${name}`, args: { message: "the bridge" } };
    });
    return { usage: USAGE, text: "Let me ask around the town.", toolCalls };
  });
  const first = await stage.start("only");
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.telegram.say({ chat, from: ann, text: "how old is the bridge?" });
  const message = await stage.botMessage(chat);
  await stage.telegram.until(() => /✓ historian.*\n⏳ critic/u.test(message.text), 15_000);
  await first.process.kill();
  killed = true;
  await stage.start("only");

  await stage.telegram.until(() => message.text === `Let me ask around the town.\n\n${ANSWER}`, 20_000);
  expect(stage.telegram.botMessages(chat)).toEqual([message]);
  const asked = stage.model.requests.map(({ messages }) => agentOf(messages));
  expect(asked.filter((agent) => agent === "historian")).toHaveLength(1);
  expect(asked.filter((agent) => agent === "critic")).toHaveLength(2);
  const results = stage.model.requests.at(-1)?.messages.filter(({ role }) => role === "tool") ?? [];
  expect(results.map((each) => [each.tool_call_id, contentText(each)])).toEqual([
    ["to_historian", "Built in 1450."],
    ["to_critic", "It is fine."],
  ]);
  // Of both lives: the guide's two steps, and an answer of each agent.
  const rows = await stage.rows<{ data: { usage: { inputTokens: number } } }>(
    "select data from run_events where type = 'usage'",
  );
  expect(rows.map(({ data }) => data.usage.inputTokens)).toEqual([100, 100, 100, 100]);
});

function agentOf(messages: readonly SentChatMessage[]): string {
  return /You are the (\w+)/.exec(contentText(messages[0]))?.[1] ?? "";
}
