import { platformAdapterContract, type PlatformUnderTest } from "../contract/platform-adapter.ts";
import { startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { serveWebhook } from "../telegram/start-telegram.ts";
import { slackAt } from "./start-slack.ts";

platformAdapterContract("Slack by Socket Mode", () => make("socket"));
platformAdapterContract("Slack over HTTP", () => make("http"));

async function make(mode: "socket" | "http"): Promise<PlatformUnderTest> {
  const slack = await startFakeSlack({ limits: "off", strict: true });
  const server = await serveWebhook();
  const adapter = slackAt(slack, { mode });
  server.adapter = adapter;
  if (mode === "http") slack.http.sendTo(`${server.url}/slack/events`);
  const ann = slack.user("ann");
  const dm = slack.dm(ann);
  const tell = (text: string) => void slack.say({ channel: dm, user: ann, text });
  // Slack promises no order, least of all where it has to try again; so nothing is said before somebody listens.
  const early: string[] = [];
  let isThere = mode === "http";
  const waitForSockets = async (signal: AbortSignal) => {
    await slack.until(() => signal.aborted || slack.connections.length === 2, 10_000).catch(() => undefined);
    isThere = true;
    early.splice(0).forEach(tell);
  };
  const method = { send: "chat.postMessage", edit: "chat.update" };
  return {
    adapter,
    chat: dm.id,
    textLimit: 11_000,
    secrets: [slack.app.botToken, slack.app.appToken, slack.app.signingSecret],
    start: async (accept, signal) => {
      server.accept = accept;
      await Promise.all([adapter.start(accept, signal), isThere || signal.aborted ? null : waitForSockets(signal)]);
    },
    say: (text) => void (isThere ? tell(text) : early.push(text)),
    unacknowledged: () => slack.pendingEvents + early.length,
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
