import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { flagOf, isObject, textOf, type Args } from "./args.ts";

export type LiveKind =
  /** `<!channel>`, `<!here>`, `<!everyone>`, `<!subteam^S1>`, `<!date^…>`. */
  | "special_mention"
  /** `<@U1>` */
  | "user_mention"
  /** `<#C1>` */
  | "channel_mention"
  /** A link that does not show where it leads: `<http://a|b>`, `[b](http://a)`. */
  | "masked_link"
  /** `![](http://a)` in Markdown, an image block, an attachment's image. */
  | "image"
  /** `@channel` as plain words while the call asks Slack to look for names. */
  | "at_name"
  /** Links of a post may be fetched and previewed. */
  | "unfurl";

/** Something in what the app sent that Slack would make live, or fetch. */
export interface LiveFinding {
  kind: LiveKind;
  method: string;
  channel: string | null;
  /** Where in the arguments: "text", "blocks[0].text". */
  where: string;
  /** The token itself. */
  found: string;
}

/** Slack reads these in Markdown blocks as in its own markup, in code too for all we know. */
const TOKENS: readonly [LiveKind, RegExp][] = [
  ["special_mention", /<!(?:channel|here|everyone|group|subteam|date)\b[^>]*>/gi],
  ["user_mention", /<@[UW][^>]*>/gi],
  ["channel_mention", /<#[CDG][^>]*>/gi],
  ["masked_link", /<(?:https?|mailto|tel|slack):[^>|]*\|[^>]*>/gi],
];
const AT_NAMES = /@(?:channel|here|everyone)\b/gi;
/** Fields that are shown nowhere. */
const UNSEEN = new Set(["type", "block_id", "action_id", "value", "style", "metadata"]);
const PICTURES = new Set(["image_url", "thumb_url", "slack_file"]);

interface Text {
  where: string;
  text: string;
  markdown: boolean;
}

/** Everything live that was ever sent, later edited or not. */
export class LiveReport {
  readonly findings: LiveFinding[] = [];

  /** Looks through the arguments of one call that took effect. */
  note(method: string, channel: string | null, args: Args): void {
    const add = (kind: LiveKind, where: string, found: string): void => {
      this.findings.push({ kind, method, channel, where, found });
    };
    const texts: Text[] = [];
    for (const name of ["text", "markdown_text", "status", "title", "username"]) {
      texts.push({ where: name, text: textOf(args, name), markdown: name === "markdown_text" });
    }
    for (const name of ["blocks", "attachments", "loading_messages", "prompts"]) {
      collect(parsed(args[name]), name, { texts, picture: (where, found) => add("image", where, found) });
    }
    const looksForNames = flagOf(args, "link_names") === true || textOf(args, "parse") === "full";
    for (const { where, text, markdown } of texts) {
      for (const [kind, found] of liveIn(text, markdown, looksForNames)) {
        add(kind, where, found);
      }
    }
    if (method === "chat.postMessage") {
      for (const name of ["unfurl_links", "unfurl_media"]) {
        if (flagOf(args, name) !== false) {
          add("unfurl", name, textOf(args, name) || "not given");
        }
      }
    }
  }
}

function liveIn(text: string, markdown: boolean, looksForNames: boolean): [LiveKind, string][] {
  const found: [LiveKind, string][] = [];
  for (const [kind, token] of TOKENS) {
    found.push(...[...text.matchAll(token)].map((match): [LiveKind, string] => [kind, match[0]]));
  }
  if (looksForNames) {
    found.push(...[...text.matchAll(AT_NAMES)].map((match): [LiveKind, string] => ["at_name", match[0]]));
  }
  if (markdown) {
    inMarkdown(fromMarkdown(text), text, found);
  }
  return found;
}

function inMarkdown(node: Nodes, source: string, found: [LiveKind, string][]): void {
  const raw = source.slice(node.position?.start.offset, node.position?.end.offset);
  if (node.type === "image" || node.type === "imageReference") {
    found.push(["image", raw]);
  } else if (node.type === "linkReference" || (node.type === "link" && !isPlain(labelOf(node), node.url))) {
    found.push(["masked_link", raw]);
  }
  for (const child of "children" in node ? node.children : []) {
    inMarkdown(child, source, found);
  }
}

/** The reader sees where the link leads. */
function isPlain(label: string, url: string): boolean {
  return label === url || `mailto:${label}` === url;
}

function labelOf(node: Nodes): string {
  if ("value" in node) {
    return node.value;
  }
  return "children" in node ? node.children.map((child) => labelOf(child)).join("") : "";
}

function collect(
  value: unknown,
  where: string,
  into: { texts: Text[]; picture: (where: string, found: string) => void },
  markdown = false,
): void {
  if (typeof value === "string") {
    into.texts.push({ where, text: value, markdown });
  } else if (Array.isArray(value)) {
    value.forEach((each, index) => collect(each, `${where}[${index}]`, into));
  } else if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (PICTURES.has(name)) {
        into.picture(`${where}.${name}`, typeof inner === "string" ? inner : JSON.stringify(inner));
      } else if (!UNSEEN.has(name)) {
        collect(inner, `${where}.${name}`, into, value["type"] === "markdown");
      }
    }
  }
}

/** Forms bring blocks as JSON text. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string") {
    return value;
  }
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}
