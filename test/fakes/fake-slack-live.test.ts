import type { KnownBlock } from "@slack/types";
import { WebClient } from "@slack/web-api";
import { expect, test } from "vitest";
import type { FakeChannel } from "./slack/channels.ts";
import { startFakeSlack, type FakeSlack } from "./slack/fake-slack.ts";

interface Scene {
  fake: FakeSlack;
  web: WebClient;
  channel: FakeChannel;
  thread: string;
}

const SAFE = { parse: "none", unfurl_links: false, unfurl_media: false } as const;

async function start(): Promise<Scene & AsyncDisposable> {
  const fake = await startFakeSlack({ limits: "off" });
  const ann = fake.user("ann");
  const channel = fake.channelNamed("general", { members: [ann] });
  const { ts } = fake.say({ channel, user: ann, text: "hi", mention: true });
  const web = new WebClient(fake.app.botToken, { slackApiUrl: fake.apiUrl, retryConfig: { retries: 0 } });
  return { fake, web, channel, thread: ts, [Symbol.asyncDispose]: () => fake.close() };
}

async function post({ web, channel }: Scene, text: string, blocks?: KnownBlock[]): Promise<string> {
  const content = blocks === undefined ? { text } : { text, blocks };
  const { ts = "" } = await web.chat.postMessage({ channel: channel.id, ...content, ...SAFE });
  return ts;
}

function markdown(text: string): KnownBlock[] {
  return [{ type: "markdown", text }];
}

function found({ fake }: Scene): string[] {
  return fake.liveMentions().map(({ kind, where, found: token }) => `${kind} ${where}: ${token}`);
}

test.each([
  ["special_mention", "<!channel>"],
  ["special_mention", "<!here>"],
  ["special_mention", "<!everyone|all>"],
  ["special_mention", "<!subteam^S0AAAAAAA>"],
  ["special_mention", "<!subteam^S0AAAAAAA|@team>"],
  ["special_mention", "<!date^1392734382^{date}|then>"],
  ["user_mention", "<@U0AAAAAAA>"],
  ["user_mention", "<@W0AAAAAAA|ann>"],
  ["channel_mention", "<#C0AAAAAAA|general>"],
  ["masked_link", "<https://evil.example/?q=secret|click>"],
])("%s: %s is live in text, in Markdown and in code", async (kind, token) => {
  await using scene = await start();
  await post(scene, `a ${token} b`);
  await post(scene, "x", markdown(`a ${token} b`));
  await post(scene, "x", markdown(`\`\`\`\n${token}\n\`\`\``));
  await post(scene, "x", [{ type: "section", text: { type: "mrkdwn", text: token } }]);
  expect(found(scene)).toEqual([
    `${kind} text: ${token}`,
    `${kind} blocks[0].text: ${token}`,
    `${kind} blocks[0].text: ${token}`,
    `${kind} blocks[0].text.text: ${token}`,
  ]);
});

test.each([
  "&lt;!channel&gt; &lt;@U0AAAAAAA&gt; &lt;#C0AAAAAAA&gt; &lt;https://a.example|b&gt;",
  "@channel @here @everyone",
  "a < b > c, <b>bold</b>, <https://a.example/open>",
  "label (https://a.example/x)",
  "[https://a.example/](https://a.example/)",
  "`![x](https://a.example/x.png)` and `[x](https://a.example)`",
])("not live: %s", async (text) => {
  await using scene = await start();
  await post(scene, text, markdown(text));
  expect(found(scene)).toEqual([]);
});

test("images and links that hide where they lead are live in Markdown only", async () => {
  await using scene = await start();
  const text = "![](http://a.example/i.png) and [here](http://a.example/?k=sk-1)\n\n[ref][1]\n\n[1]: http://b.example";
  await post(scene, text);
  expect(found(scene)).toEqual([]);
  await post(scene, "x", markdown(text));
  expect(found(scene)).toEqual([
    "image blocks[0].text: ![](http://a.example/i.png)",
    "masked_link blocks[0].text: [here](http://a.example/?k=sk-1)",
    "masked_link blocks[0].text: [ref][1]",
  ]);
});

test("names are live only where the call asks for it, previews unless it forbids them", async () => {
  await using scene = await start();
  const { web, channel } = scene;
  await web.chat.postMessage({ channel: channel.id, text: "@here", link_names: true, unfurl_links: false });
  const { ts = "" } = await web.chat.postMessage({ channel: channel.id, text: "x", ...SAFE, unfurl_links: true });
  await web.chat.update({ channel: channel.id, ts, text: "@channel", parse: "full" });
  await web.chat.update({ channel: channel.id, ts, text: "@channel" });
  expect(found(scene)).toEqual([
    "at_name text: @here",
    "unfurl unfurl_media: not given",
    "unfurl unfurl_links: true",
    "at_name text: @channel",
  ]);
});

test("every way to show something is looked through, and edits do not wash it off", async () => {
  await using scene = await start();
  const { fake, web, channel, thread } = scene;
  const here = { channel_id: channel.id, thread_ts: thread };
  const user = [...channel.members].find(({ name }) => name === "ann")?.id ?? "";
  const button = {
    type: "button" as const,
    text: { type: "plain_text" as const, text: "Stop <!here>" },
    action_id: "<!here>",
    value: "<!here>",
  };
  const ts = await post(scene, "x", [{ type: "actions", elements: [button] }]);
  await web.chat.update({ channel: channel.id, ts, text: "<!channel>", parse: "none" });
  await web.chat.update({ channel: channel.id, ts, text: "clean", parse: "none" });
  await web.chat.postEphemeral({ channel: channel.id, user, text: "<@U0AAAAAAA>" });
  await web.assistant.threads.setStatus({ ...here, status: "<!everyone>", loading_messages: ["<!subteam^S1>"] });
  await web.assistant.threads.setTitle({ ...here, title: "<#C0AAAAAAA>" });
  await web.agents.sessions.setStatus({ ...here, status: "active", title: "<!here|x>" });
  await post(scene, "x", [{ type: "image", image_url: "https://a.example/i.png", alt_text: "<!here|y>" }]);
  const { responseUrl } = fake.slash({ channel, user: fake.user("ann"), command: "/parley help" });
  const answer = await fetch(responseUrl, { method: "POST", body: JSON.stringify({ text: "<!channel|z>" }) });
  expect(answer.status).toBe(200);
  expect(fake.liveMentions().map(({ method, where, found: token }) => `${method} ${where}: ${token}`)).toEqual([
    "chat.postMessage blocks[0].elements[0].text.text: <!here>",
    "chat.update text: <!channel>",
    "chat.postEphemeral text: <@U0AAAAAAA>",
    "assistant.threads.setStatus status: <!everyone>",
    "assistant.threads.setStatus loading_messages[0]: <!subteam^S1>",
    "assistant.threads.setTitle title: <#C0AAAAAAA>",
    "agents.sessions.setStatus title: <!here|x>",
    "chat.postMessage blocks[0].image_url: https://a.example/i.png",
    "chat.postMessage blocks[0].alt_text: <!here|y>",
    "response_url text: <!channel|z>",
  ]);
  expect(fake.liveMentions(["<@U0AAAAAAA>"])).toHaveLength(9);
});

test("what was refused is not live", async () => {
  await using scene = await start();
  const { web, channel } = scene;
  await expect(web.chat.update({ channel: channel.id, ts: "1.000001", text: "<!here>" })).rejects.toThrow();
  expect(found(scene)).toEqual([]);
});
