import { beforeAll, expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";

const scene = sceneOf({ slack: {} });
beforeAll(async () => {
  await scene().start({ slack: "http" });
});

test.each(["a channel", "a direct message"])("an answer to what was deleted in %s is shown nowhere", async (place) => {
  const { slack, model } = scene();
  const ann = slack.user("ann");
  const channel = place === "a channel" ? slack.channelNamed("general") : slack.dm(ann);
  const mention = place === "a channel";
  model.script(() => ({ text: "The secret is out.", ttftMs: 700 }));
  const before = model.requests.length;
  const { ts } = slack.say({ channel, user: ann, text: "what of the secret?", mention });
  await model.until(() => model.requests.length > before);
  slack.remove(channel, ts);
  await slack.until(() =>
    slack.journal.some(({ outcome, args }) => outcome === "thread_not_found" && args["thread_ts"] === ts),
  );
  model.script(() => ({ text: "Here I am." }));
  const next = slack.say({ channel, user: ann, text: "still there?", mention });
  await slack.until(() => slack.botMessages(channel, next.ts).some(({ shown }) => shown === "Here I am."), 15_000);
  expect(slack.botMessages(channel).map(({ threadTs }) => threadTs)).toEqual([next.ts]);
});
