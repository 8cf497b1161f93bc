import { beforeAll, expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";

const scene = sceneOf({ slack: {} });
beforeAll(async () => {
  await scene().start({ slack: "http" });
});

test(
  "an answer goes on in the same message when its channel gets another id meanwhile",
  { timeout: 60_000 },
  async () => {
    const { slack, model } = scene();
    const text = Array.from({ length: 80 }, (_, index) => `word${index}`).join(" ");
    model.script(() => ({ text, chunkChars: 8, chunkEveryMs: 60 }));
    const channel = slack.channelNamed("general");
    const { ts } = slack.say({ channel, user: slack.user("ann"), text: "tell me", mention: true });
    await slack.until(() => (slack.botMessages(channel, ts)[0]?.versions.length ?? 0) > 1, 15_000);
    const { newId } = slack.changeChannelId(channel);
    await slack.until(() => slack.botMessages(newId, ts)[0]?.shown === text, 30_000);
    expect(slack.botMessages(newId)).toHaveLength(1);
  },
);
