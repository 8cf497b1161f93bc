import { expect, test } from "vitest";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import { connectSlack, slackAt } from "./start-slack.ts";

/** What the adapter makes of a guest's and a colleague's words in a channel. */
async function senders(hears: boolean): Promise<IncomingUpdate[]> {
  const { slack, close } = await connectSlack();
  const adapter = slackAt(slack, { hears: () => hears });
  const over = new AbortController();
  try {
    await adapter.connect(over.signal);
    const updates: IncomingUpdate[] = [];
    const both = Promise.withResolvers<void>();
    const running = adapter.start(async (update) => void (updates.push(update) === 2 && both.resolve()), over.signal);
    const channel = slack.channelNamed("general");
    slack.say({ channel, user: slack.user("ann"), text: "a colleague" });
    slack.say({ channel, user: slack.user("gus", { kind: "guest" }), text: "a guest" });
    await both.promise;
    over.abort();
    await running;
    return updates.toSorted((a, b) => ("text" in a && "text" in b ? a.text.localeCompare(b.text) : 0));
  } finally {
    await adapter.close();
    await close();
  }
}

test("security-12: where it hears everything, a guest is known as one before anything is said for them", async () => {
  expect(await senders(true)).toMatchObject([
    { text: "a colleague", addressed: true, sender: { name: "ann" } },
    { text: "a guest", addressed: true, sender: { name: "gus", outsider: true } },
  ]);
  const [colleague] = await senders(true);
  expect(colleague).not.toHaveProperty("sender.outsider");
});

test("security-12: what is not for the bot is by nobody of ours, since nobody was asked about its author", async () => {
  const outsider = { addressed: false, sender: { outsider: true } };
  expect(await senders(false)).toMatchObject([outsider, outsider]);
});
