import type { BackgroundMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { isByProgram, WRITTEN } from "./read-slack-event.ts";
import type { SlackApi } from "./slack-api.ts";
import { type SlackBot, type SlackPerson, textFor } from "./slack-content.ts";
import { MESSAGE_TS, readChannel, readThread, readTs, USER_ID } from "./slack-ids.ts";
import { asObject, type Json, rawTextIn, shapedIn } from "./slack-json.ts";
import { authorIn, senderOf } from "./slack-origin.ts";
import type { SlackPeople } from "./slack-people.ts";

const PAGE = 200;
/** Slack gives a thread from its beginning; of one that is longer than this, its beginning is all there is. */
const PAGES = 5;

/**
 * What people said in a thread before the message, oldest first, the newest `limit` of it. Nothing where the bot has
 * spoken before: its talk there was ended, and what was told in it is to be forgotten.
 */
export async function saidBefore(
  { api, people, bot }: { api: SlackApi; people: SlackPeople; bot: SlackBot },
  to: ReplyTarget,
  messageId: string,
  limit: number,
  signal: AbortSignal,
): Promise<BackgroundMessage[]> {
  const ts = readThread(to.thread);
  if (ts === undefined || limit < 1) return [];
  const latest = readTs(messageId);
  const said = new Map<string, Json>();
  let cursor = "";
  for (let page = 0; page < PAGES; page++) {
    const where = { channel: readChannel(to.chat), ts, latest, limit: PAGE, ...(cursor ? { cursor } : {}) };
    const { messages, has_more, response_metadata } = await api.call("conversations.replies", where, signal);
    for (const message of messages ?? []) {
      const json = asObject(message) ?? {};
      const at = shapedIn(json, "ts", MESSAGE_TS);
      // The thread's first message stands on every page.
      if (at === null || Number(at) >= Number(latest)) continue;
      if (json["user"] === bot.userId) return [];
      if (isSaid(json, bot)) said.set(at, json);
    }
    cursor = response_metadata?.next_cursor ?? "";
    if (!has_more || cursor === "") break;
  }
  const newest = [...said]
    .toSorted(([one], [other]) => Number(one) - Number(other))
    .slice(-limit)
    .map(([, message]) => message);
  return toBackground(newest, people, bot);
}

function isSaid(message: Json, bot: SlackBot): boolean {
  const isByPerson = WRITTEN.has(rawTextIn(message, "subtype")) && !isByProgram(message, {}, bot);
  return isByPerson && shapedIn(message, "user", USER_ID) !== null && textFor(message, bot) !== "";
}

/** Whom Slack does not name in time is an outsider. */
async function toBackground(messages: Json[], people: SlackPeople, bot: SlackBot): Promise<BackgroundMessage[]> {
  const users = [...new Set(messages.map((message) => rawTextIn(message, "user") ?? ""))];
  const known = new Map<string, SlackPerson | undefined>(
    await Promise.all(users.map(async (user) => [user, await people.look(user).catch(() => undefined)] as const)),
  );
  const knowing: SlackBot = { ...bot, person: (user) => known.get(user) };
  return messages.map((message) => ({
    sender: senderOf(knowing, authorIn(message, {}, rawTextIn(message, "user") ?? "")),
    text: textFor(message, knowing),
  }));
}
