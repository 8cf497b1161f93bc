import { GatewayError } from "../../src/errors.ts";
import { accountId, type AccountId } from "../../src/ids.ts";

/** Slack promises no more of its ids than their first letter; these are the shapes they have had. */
export const CHANNEL_ID = /^[CDG][A-Z0-9]{1,31}$/;
export const USER_ID = /^[UW][A-Z0-9]{1,31}$/;
export const TEAM_ID = /^[TE][A-Z0-9]{1,31}$/;
/** A message's id within its channel: seconds and a counter of six digits. */
export const MESSAGE_TS = /^\d{1,11}\.\d{6}$/;
export const FILE_ID = /^F[A-Z0-9]{1,31}$/;
export const EVENT_ID = /^[A-Za-z0-9]{1,64}$/;
export const VIEW_ID = /^V[A-Z0-9]{1,31}$/;
export const TRIGGER_ID = /^[\w.-]{1,128}$/;

/** `slack:<install>`; `install` is the organisation's id for an app that is installed for all of it, else the team's. */
export function slackAccount(install: string): AccountId {
  return accountId("slack", install);
}

/** A person as the access list names them: `T1:U2`. */
export function slackUser(team: string, user: string): string {
  return `${team}:${user}`;
}

/** One message comes as `message` and, where it names the bot, as `app_mention` too: both have this key. */
export function messageKey(channel: string, ts: string): string {
  return `m:${channel}:${ts}`;
}

export function eventKey(eventId: string): string {
  return `e:${eventId}`;
}

/** For presses and slash commands, which are no events. */
export function triggerKey(triggerId: string): string {
  return `t:${triggerId}`;
}

/** For a form, which is sent once. */
export function viewKey(viewId: string): string {
  return `v:${viewId}`;
}

/** When a message was written, ms since the epoch. */
export function tsToMs(ts: string): number {
  return Math.round(Number(ts) * 1000);
}

/** The channel to send to. */
export function readChannel(chat: string): string {
  return read(chat, CHANNEL_ID, "channel");
}

/** The message to edit. */
export function readTs(messageId: string): string {
  return read(messageId, MESSAGE_TS, "message");
}

/** undefined for "", which is no thread. */
export function readThread(thread: string): string | undefined {
  return thread === "" ? undefined : read(thread, MESSAGE_TS, "thread");
}

/** Slack's own, for commercial and government workspaces. */
const HOOK_ORIGINS = ["https://hooks.slack.com", "https://hooks.slack-gov.com"];

/**
 * The address for answers to a slash command or a shortcut, if Slack made it; else null. It is called without a token, but with our
 * words. `more`: other origins that are trusted, for a Slack that is none.
 */
export function readResponseUrl(url: unknown, more: readonly string[] = []): string | null {
  if (typeof url !== "string" || url.length > 512 || !/^https?:\/\/[!-~]+$/.test(url)) return null;
  const parsed = URL.parse(url);
  if (!parsed || parsed.username !== "" || parsed.password !== "" || parsed.hash !== "") return null;
  if (![...HOOK_ORIGINS, ...more].includes(parsed.origin)) return null;
  return /^\/(?:commands|actions|app|app-actions)\/[\w/-]+$/.test(parsed.pathname) && parsed.search === ""
    ? parsed.href
    : null;
}

function read(text: string, shape: RegExp, what: string): string {
  if (!shape.test(text)) throw new GatewayError("invalid", `This is no Slack ${what} id.`, { delivered: "no" });
  return text;
}
