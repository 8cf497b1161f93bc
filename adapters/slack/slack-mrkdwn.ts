import type { SlackBot } from "./slack-content.ts";

/** What stands between `<` and `>` in a message: a mention, a channel, a special word or a link. Other `<` come as `&lt;`. */
const TOKEN = /<([^<>\n]*)>/g;
const MENTION = /<@([UW][A-Z0-9]+)(?:\|[^<>\n]*)?>/g;
const LEADING_MENTION = /^\s*<@([UW][A-Z0-9]+)(?:\|[^<>\n]*)?>\s*[,:]?/;

/** A message's text as a person reads it (docs.slack.dev, "Formatting message text"). Entities are decoded once. */
export function decodeMrkdwn(text: string, bot: Pick<SlackBot, "userId" | "name" | "person">): string {
  let plain = "";
  let from = 0;
  for (const token of text.matchAll(TOKEN)) {
    plain += decodeEntities(text.slice(from, token.index)) + decodeToken(token[1]!, bot);
    from = token.index + token[0].length;
  }
  return plain + decodeEntities(text.slice(from));
}

export function isMention(text: string, bot: Pick<SlackBot, "userId">): boolean {
  return [...text.matchAll(MENTION)].some(([, user]) => user === bot.userId);
}

/** The length of the mention of us that the text begins with, its comma included; 0 = it begins with something else. */
export function leadingMention(text: string, bot: Pick<SlackBot, "userId">): number {
  const found = LEADING_MENTION.exec(text);
  return found?.[1] === bot.userId ? found[0].length : 0;
}

function decodeToken(token: string, bot: Pick<SlackBot, "userId" | "name" | "person">): string {
  const bar = token.indexOf("|");
  const target = decodeEntities(bar === -1 ? token : token.slice(0, bar));
  const label = bar === -1 ? "" : decodeEntities(token.slice(bar + 1));
  const id = target.slice(1);
  switch (target.charAt(0)) {
    case "@":
      return `@${label || (id === bot.userId ? bot.name : bot.person?.(id)?.name) || id}`;
    case "#":
      return `#${label || id}`;
    case "!":
      return special(id, label);
    default:
      return link(target, label);
  }
}

/** `!here`, `!subteam^S1|@name`, `!date^1392734382^{date}|fallback`. */
function special(word: string, label: string): string {
  if (word.startsWith("date^")) return label || word;
  const name = label || word.replace(/^subteam\^/, "");
  return name.startsWith("@") ? name : `@${name}`;
}

/** Slack makes links of what looks like one: then the label says all. */
function link(url: string, label: string): string {
  const address = url.replace(/^(?:mailto|tel):/, "");
  if (label === "" || label === address || `http://${label}` === url || `https://${label}` === url) {
    return label || address;
  }
  return `${label} (${address})`;
}

function decodeEntities(text: string): string {
  return text.replaceAll(/&(amp|lt|gt);/g, (_, name: string) => (name === "amp" ? "&" : name === "lt" ? "<" : ">"));
}
