import type { ContextPart } from "../../src/platform/incoming-update.ts";
import { decodeMrkdwn, isMention, leadingMention } from "./slack-mrkdwn.ts";
import { asObject, cleanText, isTrueIn, type Json, listIn, nameIn, rawTextIn } from "./slack-json.ts";

/** What is known of somebody from `users.info`. */
export interface SlackPerson {
  name: string;
  /** A guest, a stranger, or somebody of another organisation. */
  outsider: boolean;
  /** Of their app, for example `en-US`. */
  language?: string;
}

/** Who we are on Slack, and what a reader must know besides the event itself. */
export interface SlackBot {
  /** The id of the installation: `E…` for an app that is installed for a whole organisation, else `T…`. */
  install: string;
  teamId: string;
  enterpriseId: string | null;
  /** The bot as a user. */
  userId: string;
  appId: string;
  name: string;
  /** `thread`: every message to the bot begins a talk of its own; `channel`: one talk in each DM. */
  dm: "thread" | "channel";
  /** What was looked up before. With this function whoever it does not know is an outsider, without it nobody is asked. */
  person?: (userId: string) => SlackPerson | undefined;
  /** Whether nobody has to mention us there. */
  hears?: (chat: string, thread: string) => boolean;
  /** Origins of response URLs besides Slack's own. */
  hookOrigins?: readonly string[];
}

export interface Command {
  command: string;
  args: string;
}

/** Of a message that is asked about: as much as Slack shows as one. */
const MAX_QUOTED_CHARS = 12_000;
/** Of the messages that are shared in one, as many and as much as the answer may need. */
const MAX_SHARED = 5;
const MAX_SHARED_CHARS = 1000;

/** The core's words, alone on a line; whatever else begins with one of them is a sentence. */
const BARE_COMMAND =
  /^\/?(start|help|new|stop|status|title|compact|memory|usage|web|unlink|link(?:\s+(?=\S*\d)[2-9a-z]{4}-?[2-9a-z]{4})?|model(?:\s+(?:\d{1,2}|default))?|(?:sessions|agent)(?:\s+\d{1,2})?|forget(?:\s+\d{1,3})?|mode(?:\s+(?:interrupt|steer|queue|parallel|reject|default))?)$/i;

/** A command that is written as a message: one of the core's words and nothing else, behind our name or alone. */
export function bareCommandIn(message: Json, bot: SlackBot): Command | null {
  if (listIn(message, "files").length > 0) return null;
  const [command, args = ""] = BARE_COMMAND.exec(textFor(message, bot))?.[1]?.toLowerCase().split(/\s+/) ?? [];
  return command === undefined ? null : { command, args };
}

/** What stands behind a slash command. Nothing is a question for help. */
export function slashCommandIn(text: string, bot: SlackBot): Command {
  const [, word = "", args = ""] = /^\s*(\S*)\s*([\s\S]*)$/.exec(cleanText(decodeMrkdwn(text, bot))) ?? [];
  const command = word.toLowerCase().slice(0, 64).toWellFormed();
  return { command: command === "" ? "help" : command, args: args.trim() };
}

export function mentionsUs(message: Json, bot: SlackBot): boolean {
  return isMention(rawTextIn(message, "text") ?? "", bot);
}

export function beginsWithUs(message: Json, bot: SlackBot): boolean {
  return leadingMention(rawTextIn(message, "text") ?? "", bot) > 0;
}

/** The person's own words, without our name before them; "" = there are none. */
export function textFor(message: Json, bot: SlackBot): string {
  const raw = rawTextIn(message, "text") ?? "";
  return clean(raw.slice(leadingMention(raw, bot)), bot) || clean(raw, bot);
}

/** Messages that were shared or linked to in this one. */
export function sharedIn(message: Json, bot: SlackBot): ContextPart[] {
  return listIn(message, "attachments")
    .map(asObject)
    .flatMap((shared): ContextPart[] => {
      if (!shared || !(isTrueIn(shared, "is_share") || isTrueIn(shared, "is_msg_unfurl"))) return [];
      const kind = isTrueIn(shared, "is_share") ? "forward" : "quote";
      const text = shortened(clean(rawTextIn(shared, "text") || rawTextIn(shared, "fallback") || "", bot));
      return text === "" ? [] : [{ type: "context", kind, author: nameIn(shared, "author_name"), text }];
    })
    .slice(0, MAX_SHARED);
}

/** What a message says, for whoever did not write it. Programs often say it in attachments. */
export function quotable(message: Json, bot: SlackBot): string {
  const attached = listIn(message, "attachments")
    .map(asObject)
    .map((it) => (it ? clean(rawTextIn(it, "text") || rawTextIn(it, "fallback") || "", bot) : ""));
  const said = [clean(rawTextIn(message, "text") ?? "", bot), ...attached].filter((text) => text !== "");
  return shortened(said.join("\n\n"), MAX_QUOTED_CHARS);
}

function shortened(text: string, most = MAX_SHARED_CHARS): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}

function clean(text: string, bot: SlackBot): string {
  return cleanText(decodeMrkdwn(text, bot)).trim();
}
