import { isObject } from "./args.ts";
import { contentOf } from "./chat-methods.ts";
import { messageEvent } from "./message-json.ts";
import { Refusal } from "./refusal.ts";
import type { ResponseUrl } from "./response-urls.ts";
import { tellOfChange, tellOfMessage, tellOfRemoval } from "./tell.ts";
import type { World } from "./world.ts";

interface Answer {
  status: number;
  body: string;
}

/** A POST to a response_url. undefined = the path is none. */
export function answerResponseUrl(world: World, path: string, body: string): Answer | undefined {
  const target = world.responseUrls.take(path);
  if (target === undefined) {
    return undefined;
  }
  const args = readJson(body);
  const entry = world.journal.open(world.now(), "response_url", channelIdOf(target), args ?? {});
  const refuse = (status: number, error: string): Answer => {
    entry.outcome = error;
    entry.status = status;
    world.changes.notify();
    return { status, body: JSON.stringify({ ok: false, error }) };
  };
  if (typeof target === "string") {
    return refuse(404, target);
  }
  if (args === undefined) {
    return refuse(400, "invalid_payload");
  }
  try {
    const ts = answer(world, target, args);
    entry.ts = ts;
    entry.outcome = "ok";
    entry.status = 200;
    entry.applied = true;
    world.live.note("response_url", target.channel.id, args);
    world.changes.notify();
    return { status: 200, body: '{"ok":true}' };
  } catch (error) {
    if (error instanceof Refusal) {
      return refuse(error.error === "no_text" ? 400 : 500, error.error);
    }
    throw error;
  }
}

/** What an app puts into the acknowledgement of a command or press is shown like an answer there. */
export function showAcknowledgement(world: World, target: Omit<ResponseUrl, "uses">, body: unknown): void {
  const args = typeof body === "string" ? { text: body } : body;
  if (isObject(args) && (typeof args["text"] === "string" || Array.isArray(args["blocks"])) && args["text"] !== "") {
    answer(world, { ...target, uses: 0 }, args);
    world.live.note("acknowledgement", target.channel.id, args);
  }
}

function answer(world: World, target: ResponseUrl, args: Record<string, unknown>): string {
  const { channel, user, messageTs } = target;
  const { app, directory } = world;
  const message = messageTs === null ? undefined : channel.visible(messageTs);
  if (message !== undefined && (args["delete_original"] === true || args["replace_original"] === true)) {
    const before = messageEvent(app, channel, message);
    if (args["delete_original"] === true) {
      channel.remove(message);
      tellOfRemoval(world, channel, message, before);
    } else {
      const { text, blocks, attachments } = contentOf({ args }, 40_000);
      const { metadata } = message;
      const edited = { user: app.bot.id, ts: directory.newTs() };
      channel.edit(message, world.now(), { text, blocks, attachments, metadata, edited });
      tellOfChange(world, channel, message, before);
    }
    return message.ts;
  }
  // Markdown text is not understood here.
  const { markdown_text: _, ...known } = args;
  const { text, blocks } = contentOf({ args: known }, 40_000);
  const threadTs = typeof args["thread_ts"] === "string" ? args["thread_ts"] : target.threadTs;
  const ts = directory.newTs();
  const at = world.now();
  if (args["response_type"] === "in_channel") {
    const post = { author: app.bot, at, ts, threadTs, text, blocks, fromApp: true };
    tellOfMessage(world, channel, channel.post(post));
  } else {
    channel.showTo(user, { ts, threadTs, at, text, blocks });
  }
  return ts;
}

function channelIdOf(target: ResponseUrl | string): string | null {
  return typeof target === "string" ? null : target.channel.id;
}

function readJson(body: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
