import { App, type Receiver } from "@slack/bolt";
import { silentSlackLog } from "./slack-log.ts";
import type { Installed } from "./slack-messages.ts";

/** What concerns the app itself rather than a talk: the token may not work any more. */
export const NOTICES: ReadonlySet<string> = new Set(["app_uninstalled", "tokens_revoked"]);

/**
 * Bolt's App, with listeners for notices. It calls Slack for nothing, and without a token it could not; loops are the
 * reader's matter here, conversations the store's.
 */
export function listenToNotices(receiver: Receiver, bot: Installed, onNotice: () => void): void {
  const app = new App({
    receiver,
    authorize: () => Promise.resolve({ botId: bot.botId, botUserId: bot.userId }),
    ignoreSelf: false,
    convoStore: false,
    attachFunctionToken: false,
    logger: silentSlackLog,
    clientOptions: { retryConfig: { retries: 0 } },
  });
  for (const notice of NOTICES) app.event(notice, () => Promise.resolve(onNotice()));
}
