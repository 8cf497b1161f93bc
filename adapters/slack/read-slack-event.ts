import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { SlackBot } from "./slack-content.ts";
import { slackAccount } from "./slack-ids.ts";

/** One body of the Events API in our words. Takes any JSON and never throws. */
export function readSlackEvent(_body: unknown, bot: SlackBot): IncomingUpdate {
  return { account: slackAccount(bot.install), key: "", kind: "ignored", why: "nothing" };
}

/** Whom to look up before this body is read; null = nobody. */
export function authorOf(_body: unknown): string | null {
  return null;
}
