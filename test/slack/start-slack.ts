import { createSlackAdapter, type SlackOptions } from "../../adapters/slack/slack-adapter.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { keepLog } from "../telegram/start-telegram.ts";
import { QUICK_SOCKETS } from "./quick-sockets.ts";

export function slackAt(slack: FakeSlack, options: Partial<SlackOptions> = {}): PlatformAdapter {
  return createSlackAdapter({
    botToken: slack.app.botToken,
    appToken: slack.app.appToken,
    signingSecret: slack.app.signingSecret,
    apiUrl: slack.apiUrl,
    mode: "socket",
    dm: "thread",
    stream: false,
    log: keepLog(),
    socketTiming: QUICK_SOCKETS,
    ...options,
  });
}

export interface ConnectedSlack {
  slack: FakeSlack;
  adapter: PlatformAdapter;
  /** Ends both. */
  close: () => Promise<void>;
}

/** A strict Slack of one's own, and an adapter that knows it. */
export async function connectSlack(
  options: Parameters<typeof startFakeSlack>[0] = {},
  ours: Partial<SlackOptions> = {},
): Promise<ConnectedSlack> {
  const slack = await startFakeSlack({ strict: true, ...options });
  const adapter = slackAt(slack, ours);
  await adapter.connect(new AbortController().signal);
  return {
    slack,
    adapter,
    close: async () => {
      await adapter.close();
      await slack.close();
    },
  };
}
