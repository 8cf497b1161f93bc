import { beforeAll, describe, expect, test } from "vitest";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
import { type Scene, sceneOf, turnOf } from "../support/e2e.ts";
import { numberedWords } from "../support/numbered-words.ts";
import { converse, lastTexts, SlackVoice } from "../support/voice.ts";

/** About 2.2 s of speaking. */
const PACE = { chunkChars: 5, chunkEveryMs: 44, words: 35 };
const LONG = numberedWords(100_000);

/** Slack's limits are on: an edit every 1.45 s in the whole workspace, a post a second in a channel. */
describe("a day on Slack", () => {
  const scene = sceneOf({ slack: {}, model: PACE });
  beforeAll(async () => {
    await scene().start({ slack: "http" });
  });

  test(
    "fault-33: a 100,000 character answer arrives complete and in order, as five pages and a file in its thread",
    { timeout: 120_000 },
    async () => {
      const { model, slack } = scene();
      const ann = new SlackVoice(scene(), "ann", { channel: slack.channelNamed("long"), user: slack.user("ann") });
      const long = { text: LONG, chunkChars: 2_000, chunkEveryMs: 20 };
      const over = model.script((request) => (turnOf(request).includes("tell me all") ? long : undefined));
      const request = await scene().requestFor("tell me all", () => ann.say("tell me all"));
      const words = LONG.split(/\s+/);
      const file = () => slack.messages(ann.channel).find(({ extra }) => "files" in extra);
      await expect.poll(() => file() !== undefined && !hasButton(slack, ann), { timeout: 100_000 }).toBe(true);
      expect(request.sentText).toBe(LONG);
      expect(file()!.extra["files"]).toMatchObject([{ name: "answer.md", size: LONG.length }]);
      expect(slack.botMessages(ann.channel, null)).toEqual([]);
      const pages = lastTexts(ann).filter(
        (text) => text.startsWith(words[0]!) || words.includes(text.split(/\s+/)[0]!),
      );
      expect(pages).toHaveLength(5);
      const shown = pages.flatMap((text) => text.split(/\s+/)).slice(0, -9);
      expect(shown.length).toBeGreaterThan(5_000);
      expect(shown).toEqual(words.slice(0, shown.length));
      expect(Math.max(...pages.map((text) => text.length))).toBeLessThanOrEqual(12_000);
      expect([slack.rateLimited, slack.earlyCalls]).toEqual([0, []]);
      over();
    },
  );

  test(
    "fault-16: a flood of 429 on posts delays only the channels it hits, whose answers arrive whole all the same",
    { timeout: 120_000 },
    async () => {
      const { slack } = scene();
      const [hit, spared] = [crowd(scene(), "hit", 3), crowd(scene(), "spared", 3)];
      const times = 3;
      for (const { channel } of hit)
        slack.fault({ kind: "429", method: "chat.postMessage", channel, retryAfter: 2, times });
      await Promise.all([...hit, ...spared].map((voice) => converse(scene(), voice, `hello from ${voice.name}`)));
      const postedAt = ({ channel }: SlackVoice) =>
        slack.calls("chat.postMessage", channel).find(({ outcome }) => outcome === "ok")!.at;
      expect(Math.max(...spared.map(postedAt))).toBeLessThan(Math.min(...hit.map(postedAt)));
      const refused = (voice: SlackVoice) =>
        slack.calls("chat.postMessage", voice.channel).filter(({ status }) => status === 429).length;
      expect(hit.map(refused)).toEqual([times, times, times]);
      expect(spared.map(refused)).toEqual([0, 0, 0]);
      expect(slack.earlyCalls).toEqual([]);
      expect([...hit, ...spared].map((voice) => voice.shown().length)).toEqual(Array(6).fill(1));
    },
  );

  test(
    "fault-16: a flood of 429 on edits, which are the whole workspace's, stops no post and no Telegram chat, and ends whole",
    { timeout: 120_000 },
    async () => {
      const { slack } = scene();
      const voices = crowd(scene(), "edited", 4);
      const fault = slack.fault({ kind: "429", method: "chat.update", scope: "method", retryAfter: 3, times: 3 });
      const { chat, user } = scene().person("Tom");
      const [telegram] = await Promise.all([
        scene().converse(chat, user, "hello from Telegram"),
        ...voices.map((voice) => converse(scene(), voice, `hello from ${voice.name}`)),
      ]);
      expect(fault.left).toBe(0);
      expect(slack.earlyCalls).toEqual([]);
      expect(voices.map((voice) => voice.shown().length)).toEqual([1, 1, 1, 1]);
      // Whoever waits for an edit has the first words meanwhile.
      const firstUpdate = slack.calls("chat.update").filter(({ outcome }) => outcome === "ok");
      expect(firstUpdate.length).toBeGreaterThan(0);
      expect(
        scene()
          .telegram.botMessages(chat)
          .map(({ text }) => text),
      ).toEqual([telegram.sentText]);
    },
  );

  test("a burst of 50 threads completes: one whole answer each, none refused", { timeout: 180_000 }, async () => {
    const { slack } = scene();
    const voices = crowd(scene(), "burst", 50);
    const requests = await Promise.all(
      voices.map((voice) => converse(scene(), voice, `hello from ${voice.name}`, 150_000)),
    );
    expect(voices.map(lastTexts)).toEqual(requests.map(({ sentText }) => [sentText]));
    // Slack tells who they are no quicker than it likes; until then nobody of them is taken for a stranger.
    expect(slack.calls("users.info").filter(({ status }) => status === 429)).toEqual([]);
    expect(slack.earlyCalls).toEqual([]);
    expect(slack.lostEvents).toEqual([]);
  });
});

/** People who each begin a thread, in a channel of their own. */
function crowd(scene: Scene, name: string, count: number): SlackVoice[] {
  return Array.from({ length: count }, (_, no) => {
    const channel = scene.slack.channelNamed(`${name}-${no}`);
    return new SlackVoice(scene, `${name}${no}`, { channel, user: scene.slack.user(`${name}${no}`) });
  });
}

/** While an answer runs, the Stop button stands below its last page. */
function hasButton(slack: FakeSlack, { channel, thread }: SlackVoice): boolean {
  return slack.botMessages(channel, thread).some(({ shown }) => shown.endsWith("[Stop]"));
}
