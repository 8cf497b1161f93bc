import { flagOf, isGiven, isObject, jsonOf, requiredText, textOf } from "./args.ts";
import { checkedBlocks } from "./block-rules.ts";
import type { FakeChannel, FakeMessage, Json } from "./channels.ts";
import { messageEvent, messageJson } from "./message-json.ts";
import { threadRoot, writableChannel } from "./place-checks.ts";
import { Refusal } from "./refusal.ts";
import { isStreaming } from "./streams.ts";
import { tellOfChange, tellOfRemoval, tellOfMessage } from "./tell.ts";
import type { ApiCall } from "./world.ts";

/** docs.slack.dev/reference/methods/chat.postMessage: longer text is cut. */
const MOST_TEXT = 40_000;
/** chat.update refuses instead. */
const MOST_UPDATED_TEXT = 4000;
const MOST_MARKDOWN = 12_000;
const MOST_METADATA = 8000;

interface Content {
  text: string;
  blocks: Json[] | null;
  attachments: Json[] | null;
  warning: string | null;
}

export function postMessage(call: ApiCall): Json {
  const { world, entry } = call;
  const channel = postTarget(call);
  const root = threadRoot(call, channel);
  const content = contentOf(call, MOST_TEXT);
  const metadata = metadataOf(call);
  const broadcast = root !== null && flagOf(call.args, "reply_broadcast") === true;
  const { bot } = world.app;
  const message = channel.post({
    author: bot,
    at: world.now(),
    ts: world.directory.newTs(),
    threadTs: root?.ts ?? null,
    text: content.text,
    blocks: content.blocks,
    attachments: content.attachments,
    metadata,
    broadcast,
    subtype: broadcast ? "thread_broadcast" : null,
    fromApp: true,
  });
  if (root !== null) {
    world.threads.cleared(channel.id, root.ts);
  }
  entry.ts = message.ts;
  world.live.note(call.method, channel.id, call.args);
  tellOfMessage(world, channel, message);
  return {
    channel: channel.id,
    ts: message.ts,
    message: messageJson(world.app, channel, message),
    ...warningFields(content.warning),
  };
}

export function update(call: ApiCall): Json {
  const { world, entry } = call;
  const channel = writableChannel(call, "channel", "is_inactive");
  const message = ownMessage(call, channel, "cant_update_message");
  if (isStreaming(message, world.now())) throw new Refusal("streaming_state_conflict");
  const content = contentOf(call, MOST_UPDATED_TEXT);
  const metadata = isGiven(call.args, "metadata") ? metadataOf(call) : message.metadata;
  const before = messageEvent(world.app, channel, message);
  const at = world.now();
  channel.edit(message, at, {
    text: content.text,
    blocks: content.blocks,
    attachments: content.attachments,
    metadata,
    // "(edited)" is shown for text only.
    edited: content.blocks === null ? { user: world.app.bot.id, ts: world.directory.newTs() } : message.edited,
  });
  entry.ts = message.ts;
  world.live.note(call.method, channel.id, call.args);
  tellOfChange(world, channel, message, before);
  return {
    channel: channel.id,
    ts: message.ts,
    text: content.text,
    message: messageJson(world.app, channel, message),
  };
}

export function remove(call: ApiCall): Json {
  const { world, entry } = call;
  const channel = writableChannel(call);
  const message = ownMessage(call, channel, "cant_delete_message");
  if (isStreaming(message, world.now())) throw new Refusal("streaming_state_conflict");
  const before = messageEvent(world.app, channel, message);
  channel.remove(message);
  entry.ts = message.ts;
  tellOfRemoval(world, channel, message, before);
  return { channel: channel.id, ts: message.ts };
}

export function postEphemeral(call: ApiCall): Json {
  const { world, entry } = call;
  const channel = writableChannel(call);
  const user = world.directory.users.get(requiredText(call.args, "user", "user_not_in_channel"));
  if (user === undefined || !channel.members.has(user)) {
    throw new Refusal("user_not_in_channel");
  }
  const root = threadRoot(call, channel);
  const content = contentOf(call, MOST_TEXT);
  const ts = world.directory.newTs();
  channel.showTo(user, { ts, threadTs: root?.ts ?? null, at: world.now(), ...content });
  entry.ts = ts;
  world.live.note(call.method, channel.id, call.args);
  return { message_ts: ts, ...warningFields(content.warning) };
}

/** What a message is made of. Refuses an empty one. */
export function contentOf(call: Pick<ApiCall, "args">, mostText: number): Content {
  const { args } = call;
  const markdown = textOf(args, "markdown_text");
  const blocks = checkedBlocks(jsonOf(args, "blocks", "invalid_blocks_format"));
  const attachments = attachmentsOf(jsonOf(args, "attachments", "invalid_attachments"));
  if (markdown !== "") {
    if (isGiven(args, "text") || blocks !== null) {
      throw new Refusal("markdown_text_conflict");
    }
    if (markdown.length > MOST_MARKDOWN) {
      throw new Refusal("msg_too_long");
    }
    return { text: markdown, blocks: [{ type: "markdown", text: markdown }], attachments, warning: null };
  }
  const text = textOf(args, "text");
  if (text === "" && (blocks ?? []).length + (attachments ?? []).length === 0) {
    throw new Refusal("no_text");
  }
  if (text.length > mostText && mostText === MOST_UPDATED_TEXT) {
    throw new Refusal("msg_too_long");
  }
  const warning = text.length > mostText ? "message_truncated" : null;
  return { text: text.slice(0, mostText), blocks: blocks?.length === 0 ? null : blocks, attachments, warning };
}

/** A conversation, or a person: then it is the direct message with them. */
function postTarget(call: ApiCall): FakeChannel {
  const { directory, app } = call.world;
  const user = directory.users.get(textOf(call.args, "channel"));
  if (user === undefined) {
    return writableChannel(call);
  }
  return directory.direct([app.bot, user]) ?? directory.addChannel("im", user.name, [app.bot, user]);
}

export function ownMessage(call: ApiCall, channel: FakeChannel, error: string): FakeMessage {
  const message = channel.visible(requiredText(call.args, "ts", "message_not_found"));
  if (message === undefined) {
    throw new Refusal("message_not_found");
  }
  if (message.author !== call.world.app.bot) {
    throw new Refusal(error);
  }
  return message;
}

function attachmentsOf(given: unknown): Json[] | null {
  if (given === undefined) {
    return null;
  }
  if (!Array.isArray(given) || !given.every((each) => isObject(each))) {
    throw new Refusal("invalid_attachments");
  }
  if (given.length > 100) {
    throw new Refusal("too_many_attachments");
  }
  return given;
}

export function metadataOf(call: ApiCall): Json | null {
  const given = jsonOf(call.args, "metadata", "invalid_metadata_format");
  if (given === undefined) {
    return null;
  }
  if (!isObject(given) || typeof given["event_type"] !== "string" || !isObject(given["event_payload"])) {
    throw new Refusal("invalid_metadata_format");
  }
  if (JSON.stringify(given).length > MOST_METADATA) {
    throw new Refusal("metadata_too_large");
  }
  return given;
}

function warningFields(warning: string | null): Json {
  return warning === null ? {} : { warning, response_metadata: { warnings: [warning] } };
}
