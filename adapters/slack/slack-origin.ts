import type { IncomingPlace, IncomingUpdate, Sender } from "../../src/platform/incoming-update.ts";
import type { SlackBot } from "./slack-content.ts";
import { slackAccount, slackUser, TEAM_ID } from "./slack-ids.ts";
import { isTrueIn, type Json, nameIn, objectIn, shapedIn } from "./slack-json.ts";

export type Envelope = Pick<IncomingUpdate, "account" | "key">;

/** Bad news about an update, thrown and caught inside the readers only. */
export class Unusable extends Error {
  readonly kind: "ignored" | "unreadable";

  constructor(kind: Unusable["kind"], why: string) {
    super(why);
    this.kind = kind;
  }
}

/** Reads, and says why it cannot. Without a key there is nothing to store an unreadable update under. */
export function reading(
  bot: SlackBot,
  key: string | null,
  read: (envelope: Envelope) => IncomingUpdate,
): IncomingUpdate {
  const envelope: Envelope = { account: slackAccount(bot.install), key: key ?? "" };
  try {
    if (key === null) throw new Unusable("ignored", "nothing to know it by");
    return read(envelope);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { ...envelope, kind: error.kind, why: error.message };
  }
}

export function need<T>(value: T | null, what: string): T {
  if (value === null) throw new Unusable("unreadable", `no ${what}`);
  return value;
}

/** Of what somebody else named, only a harmless name goes on. */
export function harmless(name: string | null): string {
  return name !== null && /^[a-z_]{1,40}$/.test(name) ? name : "unknown kind";
}

/** DMs have ids of their own kind; several people in a DM are a group. */
export function isDm(channel: string): boolean {
  return channel.startsWith("D");
}

/** `root`: the message that the thread hangs on, which may be the message itself; "" = about the whole channel. */
export function placeOf(
  bot: SlackBot,
  sender: Sender,
  channel: string,
  root: string,
  isPrivate = isDm(channel),
): IncomingPlace {
  if (!isPrivate) return { kind: "group", chat: channel, thread: root, title: "" };
  return { kind: "private", chat: channel, thread: bot.dm === "channel" ? "" : root, title: sender.name };
}

/** What an update says of its author. */
export interface Author {
  user: string;
  /** null = it does not say. */
  team: string | null;
  /** Whether people of other organisations may be in the channel. */
  shared: boolean;
  name?: string;
  guest?: boolean;
}

/**
 * Who wrote it, by ids that cannot be chosen. People of our own organisation are known by the installation, whichever
 * of its workspaces an update names, so that one person has one id.
 */
export function senderOf(bot: SlackBot, author: Author): Sender {
  const { user, team, shared } = author;
  const person = bot.person?.(user);
  const isHome =
    isOurs(bot, team) || person?.outsider === false || (!shared && (team === null || bot.enterpriseId !== null));
  const isUnknown = bot.person !== undefined && person === undefined;
  const outsider = !isHome || isUnknown || author.guest === true || person?.outsider === true;
  return {
    id: slackUser(isHome ? bot.install : (team ?? "?"), user),
    name: person?.name || author.name || "",
    ...(outsider ? { outsider } : {}),
    ...(person?.language === undefined ? {} : { language: person.language }),
  };
}

/** Author and channel of an event of the Events API; `written`: the message itself, or the event. */
export function authorIn(written: Json, body: Json, user: string): Author {
  const profile = objectIn(written, "user_profile") ?? {};
  const team = ["user_team", "source_team", "team"].map((field) => shapedIn(written, field, TEAM_ID)).find(Boolean);
  return {
    user,
    team: team ?? null,
    shared: body["is_ext_shared_channel"] !== false,
    name: nameIn(profile, "display_name") || nameIn(profile, "real_name") || nameIn(profile, "name"),
    guest: ["is_restricted", "is_ultra_restricted", "is_stranger"].some((field) => isTrueIn(profile, field)),
  };
}

/** Whom to look up before an update is read once more; null = it makes no difference. */
export function authorOf(update: IncomingUpdate): string | null {
  if (!("sender" in update) || update.kind === "membership") return null;
  if (update.kind === "message" && update.addressed === false) return null;
  return update.sender.id.slice(update.sender.id.indexOf(":") + 1);
}

function isOurs(bot: SlackBot, team: string | null): boolean {
  return team !== null && [bot.install, bot.teamId, bot.enterpriseId].includes(team);
}
