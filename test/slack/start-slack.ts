import { createSlackAdapter, type SlackOptions } from "../../adapters/slack/slack-adapter.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
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
    log: keepLog(),
    socketTiming: QUICK_SOCKETS,
    ...options,
  });
}
