import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { SlackBot } from "./slack-content.ts";
import { slackAccount } from "./slack-ids.ts";

/** A press of a button, from the JSON in `payload`, in our words. Takes any JSON and never throws. */
export function readSlackInteraction(_payload: unknown, bot: SlackBot): IncomingUpdate {
  return { account: slackAccount(bot.install), key: "", kind: "ignored", why: "nothing" };
}

/** A slash command, from the fields of its form. It says not when it was written: `receivedAt` is ms since the epoch. */
export function readSlackCommand(_form: unknown, bot: SlackBot, _receivedAt: number): IncomingUpdate {
  return { account: slackAccount(bot.install), key: "", kind: "ignored", why: "nothing" };
}
