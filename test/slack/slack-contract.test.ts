import { platformAdapterContract, type PlatformUnderTest } from "../contract/platform-adapter.ts";
import { startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { serveWebhook } from "../telegram/start-telegram.ts";
import { slackAt } from "./start-slack.ts";

/** What is said before anybody listens does not have to wait. */
const SOON = Array.from({ length: 100 }, () => 50);

platformAdapterContract("Slack by Socket Mode", () => make("socket"));
platformAdapterContract("Slack over HTTP", () => make("http"));

async function make(mode: "socket" | "http"): Promise<PlatformUnderTest> {
  const slack = await startFakeSlack({ limits: "off", strict: true, retryWaitsMs: SOON });
  const server = await serveWebhook();
  const adapter = slackAt(slack, { mode });
  server.adapter = adapter;
  if (mode === "http") slack.http.sendTo(`${server.url}/slack/events`);
  const ann = slack.user("ann");
  const dm = slack.dm(ann);
  const method = { send: "chat.postMessage", edit: "chat.update" };
  return {
    adapter,
    chat: dm.id,
    textLimit: 11_000,
    secrets: [slack.app.botToken, slack.app.appToken, slack.app.signingSecret],
    start: (accept, signal) => {
      server.accept = accept;
      return adapter.start(accept, signal);
    },
    say: (text) => void slack.say({ channel: dm, user: ann, text }),
    unacknowledged: () => slack.pendingEvents,
    shown: () => slack.botMessages(dm).map((it) => it.shown),
    refuse: (call, retryAfterMs) =>
      void slack.fault({ kind: "429", method: method[call], retryAfter: retryAfterMs / 1000 }),
    loseAnswer: (call) => void slack.fault({ kind: "reset-after-applying", method: method[call] }),
    press: (at) => void slack.press({ channel: dm, user: ann, ts: at.messageId }),
    close: async () => {
      await server.close();
      await slack.close();
    },
  };
}
