import { randomUUID } from "node:crypto";
import { isObject } from "./args.ts";
import type { Ephemeral, FakeChannel, FakeMessage, Json } from "./channels.ts";
import type { ChannelRef, FakeUser } from "./directory.ts";
import { messageEvent, messageJson } from "./message-json.ts";
import { Places } from "./places.ts";
import { showAcknowledgement } from "./response-url-answer.ts";
import { endStream, isStreaming } from "./streams.ts";
import { tell, tellOfChange, tellOfMessage, tellOfRemoval } from "./tell.ts";
import { readText, richText, typedText } from "./typed-text.ts";

export interface Said {
  channel: ChannelRef;
  user: FakeUser;
  /** As typed: "@name" becomes a mention of whoever is called so, `<`, `>` and `&` are escaped. */
  text: string;
  /** Puts a mention of the bot first. */
  mention?: boolean;
  /** A root's ts. */
  thread?: string;
  /** A reply that is sent to the channel too. */
  broadcast?: boolean;
  /** Comes with files. */
  files?: { name: string; mimetype?: string; size?: number; bytes?: Buffer; fields?: Json }[];
  /** The text exactly as Slack has it, instead of `text`. */
  wire?: string;
  /** Further fields of the event, over what the fake makes. */
  fields?: Json;
  /** When it was written, ms since the epoch; now by default. */
  at?: number;
}

export interface Sent {
  ts: string;
  /** Of the events the app is told by: none when it does not see it, two for a mention where it reads along. */
  eventIds: string[];
}

export interface Pressed {
  triggerId: string;
  responseUrl: string;
}

/** What people do in the workspace. */
export class People extends Places {
  /** A person writes (and comes into the channel first, if need be); a user of kind "bot" as apps do today: no subtype, but a `bot_id`. */
  say(said: Said): Sent {
    const { world } = this;
    const channel = this.channel(said.channel);
    if (!channel.members.has(said.user)) {
      channel.members.add(said.user);
    }
    const root = said.thread === undefined ? null : this.#root(channel, said.thread);
    const typed = said.wire ?? typedText(said.text, world.directory.users.values());
    const text = said.mention === true ? `<@${this.bot.id}> ${typed}`.trimEnd() : typed;
    const at = said.at ?? world.now();
    const isBot = said.user.kind === "bot";
    const message = channel.post({
      author: said.user,
      at,
      ts: world.directory.newTs(said.at),
      threadTs: root?.ts ?? null,
      text,
      shown: readText(text, world.directory.users),
      broadcast: said.broadcast ?? false,
      subtype: this.#subtype(said),
      clientMsgId: isBot ? null : randomUUID(),
      extra: {
        ...(said.files === undefined ? { blocks: richText(text) } : this.#files(said)),
        ...said.fields,
      },
    });
    return { ts: message.ts, eventIds: tellOfMessage(world, channel, message) };
  }

  /** A person changes what they wrote. */
  edit(edit: { channel: ChannelRef; ts: string; text: string; wire?: string }): Sent {
    const { world } = this;
    const channel = this.channel(edit.channel);
    const message = this.#own(channel, edit.ts);
    const before = messageEvent(world.app, channel, message);
    const text = edit.wire ?? typedText(edit.text, world.directory.users.values());
    message.extra["blocks"] = richText(text);
    channel.edit(message, world.now(), {
      text,
      shown: readText(text, world.directory.users),
      blocks: null,
      attachments: null,
      metadata: null,
      edited: { user: message.author.id, ts: world.directory.newTs() },
    });
    return { ts: message.ts, eventIds: tellOfChange(world, channel, message, before) };
  }

  /** Slack shows a preview of a link in somebody's message: a change nobody made. */
  unfurl(ref: ChannelRef, ts: string): Sent {
    const channel = this.channel(ref);
    const message = this.#own(channel, ts);
    const before = messageEvent(this.world.app, channel, message);
    message.extra["attachments"] = [{ id: 1, from_url: "https://example.org/", title: "Example", fallback: "Example" }];
    return { ts, eventIds: tellOfChange(this.world, channel, message, before) };
  }

  /** A person removes what they wrote. */
  remove(ref: ChannelRef, ts: string): Sent {
    const channel = this.channel(ref);
    const message = this.#own(channel, ts);
    const before = messageEvent(this.world.app, channel, message);
    channel.remove(message);
    return { ts, eventIds: tellOfRemoval(this.world, channel, message, before) };
  }

  /**
   * A person presses a button in a message of the bot, or in one that only they see.
   * @param press.button its action_id, label or value; the first button by default
   */
  press(press: { channel: ChannelRef; user: FakeUser; ts: string; button?: string }): Pressed {
    const { world } = this;
    const channel = this.channel(press.channel);
    const ephemeral = channel.ephemerals.find(({ ts, user }) => ts === press.ts && user === press.user);
    const message = ephemeral ?? channel.visible(press.ts);
    const { blockId, element } = findButton(message, press.button);
    const threadTs = message?.threadTs ?? null;
    const target = { channel, user: press.user, messageTs: ephemeral === undefined ? press.ts : null, threadTs };
    const responseUrl = world.url + world.responseUrls.add("actions", target);
    const triggerId = this.#triggerId();
    const { user } = press;
    const action = { ...element, block_id: blockId, action_ts: world.directory.newTs() };
    world.deliveries.send({
      kind: "interactive",
      id: triggerId,
      type: "block_actions",
      payload: {
        type: "block_actions",
        user: { id: user.id, username: user.name, name: user.name, team_id: user.team.id },
        api_app_id: world.app.appId,
        token: world.app.verificationToken,
        container: {
          type: "message",
          message_ts: press.ts,
          channel_id: channel.id,
          is_ephemeral: ephemeral !== undefined,
          ...(threadTs === null ? {} : { thread_ts: threadTs }),
        },
        trigger_id: triggerId,
        team: { id: this.team.id, domain: this.team.domain },
        enterprise: null,
        is_enterprise_install: false,
        channel: { id: channel.id, name: slashName(channel) },
        ...(ephemeral === undefined ? { message: this.#pressedMessage(channel, press.ts) } : {}),
        state: { values: {} },
        response_url: responseUrl,
        actions: [action],
      },
    });
    world.changes.notify();
    return { triggerId, responseUrl };
  }

  /** A person writes into the field of the form that was opened last, and sends it. */
  sendForm({ user, text }: { user: FakeUser; text: string }): void {
    const { world, team } = this;
    const form = world.forms.at(-1);
    const [input] = (form?.view["blocks"] ?? []) as { block_id: string; element: { action_id: string } }[];
    if (!form || !input) throw new Error("there is no form with a field");
    const values = { [input.block_id]: { [input.element.action_id]: { type: "plain_text_input", value: text } } };
    world.deliveries.send({
      kind: "interactive",
      id: this.#triggerId(),
      type: "view_submission",
      payload: {
        type: "view_submission",
        team: { id: team.id, domain: team.domain },
        user: { id: user.id, username: user.name, name: user.name, team_id: user.team.id },
        api_app_id: world.app.appId,
        token: world.app.verificationToken,
        view: { ...form.view, id: form.id, team_id: team.id, state: { values }, hash: "1.x" },
        response_urls: [],
      },
    });
    world.changes.notify();
  }

  /** A person chooses the app's shortcut in a message's menu, which is there wherever the person is. */
  shortcut(chosen: { channel: ChannelRef; user: FakeUser; ts: string; callback: string }): Pressed {
    const { world, team } = this;
    const channel = this.channel(chosen.channel);
    const { user, ts } = chosen;
    const message = channel.visible(ts);
    if (message === undefined) throw new Error(`no message ${ts} in ${channel.name}`);
    const target = { channel, user, messageTs: null, threadTs: message.threadTs };
    const responseUrl = world.url + world.responseUrls.add("app-actions", target);
    const triggerId = this.#triggerId();
    channel.note(`${user.name} uses a shortcut on: ${message.shown}`);
    world.deliveries.send({
      kind: "interactive",
      id: triggerId,
      type: "message_action",
      payload: {
        type: "message_action",
        token: world.app.verificationToken,
        action_ts: world.directory.newTs(),
        team: { id: team.id, domain: team.domain },
        user: { id: user.id, username: user.name, name: user.name, team_id: user.team.id },
        channel: { id: channel.id, name: slashName(channel) },
        is_enterprise_install: false,
        enterprise: null,
        callback_id: chosen.callback,
        trigger_id: triggerId,
        response_url: responseUrl,
        message_ts: ts,
        message: messageJson(world.app, channel, message),
        api_app_id: world.app.appId,
      },
    });
    world.changes.notify();
    return { triggerId, responseUrl };
  }

  /** A person types a slash command, which works anywhere but in threads. `command`: "/parley stop". */
  slash(slash: { channel: ChannelRef; user: FakeUser; command: string }): Pressed {
    const { world, team } = this;
    const channel = this.channel(slash.channel);
    const { user } = slash;
    const [command = "", text = ""] = slash.command.split(/\s+(.*)/s);
    const target = { channel, user, messageTs: null, threadTs: null };
    const responseUrl = world.url + world.responseUrls.add("commands", target);
    const triggerId = this.#triggerId();
    world.deliveries.send({
      kind: "slash_commands",
      id: triggerId,
      type: command,
      payload: {
        token: world.app.verificationToken,
        team_id: user.team.id,
        team_domain: user.team.domain,
        ...(user.team === team ? {} : { context_team_id: team.id }),
        channel_id: channel.id,
        channel_name: slashName(channel),
        user_id: user.id,
        user_name: user.name,
        command,
        text: typedText(text, world.directory.users.values()),
        api_app_id: world.app.appId,
        is_enterprise_install: "false",
        response_url: responseUrl,
        trigger_id: triggerId,
      },
      onAnswer: (body) => showAcknowledgement(world, { ...target, madeAt: world.now() }, body),
    });
    world.changes.notify();
    return { triggerId, responseUrl };
  }

  /** A person presses Slack's own Stop button, which stands there while the thread's agent session is `processing`. */
  stopSession(stop: { channel: ChannelRef; user: FakeUser; thread: string; force?: boolean }): string {
    const channel = this.channel(stop.channel);
    if (stop.force !== true && this.world.threads.session(channel.id, stop.thread)?.status !== "processing") {
      throw new Error("no agent session is processing there: Slack shows no Stop button");
    }
    const live = channel.repliesTo(stop.thread).filter((message) => isStreaming(message, this.world.now()));
    for (const message of live) endStream(message, "stopped_by_user");
    return tell(
      this.world,
      {
        type: "agent_session_stopped",
        channel: channel.id,
        user: stop.user.id,
        thread_ts: stop.thread,
        streaming_message_ts: live.map(({ ts }) => ts),
        event_ts: this.world.directory.newTs(),
      },
      { channel, team: stop.user.team },
    );
  }

  /** A person opens the app's home or its messages. */
  openHome(user: FakeUser, tab: "home" | "messages" = "messages"): string {
    const channel = this.dm(user);
    const event = { type: "app_home_opened", user: user.id, channel: channel.id, tab };
    return tell(this.world, { ...event, event_ts: this.world.directory.newTs() }, { channel });
  }

  /** Tells the app any event, however strange. @returns its id */
  sendEvent(event: Json, ref?: ChannelRef): string {
    return tell(this.world, event, ref === undefined ? {} : { channel: this.channel(ref) });
  }

  #subtype(said: Said): string | null {
    if (said.files !== undefined) {
      return "file_share";
    }
    return said.broadcast === true ? "thread_broadcast" : null;
  }

  #files(said: Said): Json {
    const files = (said.files ?? []).map(({ name, mimetype = "text/plain", ...given }) => {
      const bytes = given.bytes ?? Buffer.alloc(given.size ?? 3, "x");
      const id = this.world.directory.newId("F");
      const url = `${this.world.url}/files/${id}/${name}`;
      const json = {
        id,
        name,
        title: name,
        mimetype,
        filetype: name.split(".").at(-1),
        user: said.user.id,
        size: bytes.length,
        mode: "hosted",
        is_external: false,
        url_private: url,
        url_private_download: url,
        ...given.fields,
      };
      this.world.files.set(id, { json, bytes });
      return json;
    });
    return { files, upload: false };
  }

  #root(channel: FakeChannel, ts: string): FakeMessage {
    const root = channel.messages.get(ts);
    if (root === undefined || root.threadTs !== null) {
      throw new Error(`no message ${ts} that could begin a thread in ${channel.name}`);
    }
    return root;
  }

  #own(channel: FakeChannel, ts: string): FakeMessage {
    const message = channel.visible(ts);
    if (message === undefined || message.author === this.bot) {
      throw new Error(`no message ${ts} of a person in ${channel.name}`);
    }
    return message;
  }

  #pressedMessage(channel: FakeChannel, ts: string): Json {
    const message = channel.visible(ts);
    return message === undefined
      ? {}
      : {
          ...messageJson(this.world.app, channel, message),
          ...(message.metadata === null ? {} : { metadata: message.metadata }),
        };
  }

  #triggerId(): string {
    return `${this.world.now()}.${this.team.id}.${randomUUID().replaceAll("-", "")}`;
  }
}

/** How commands name a place that has no name of its own. */
function slashName(channel: FakeChannel): string {
  switch (channel.type) {
    case "im":
      return "directmessage";
    case "group":
      return "privategroup";
    case "channel":
    case "mpim":
      return channel.name;
    default:
      return channel.type satisfies never;
  }
}

function findButton(
  message: FakeMessage | Ephemeral | undefined,
  wanted: string | undefined,
): { blockId: string; element: Json } {
  for (const [index, block] of (message?.blocks ?? []).entries()) {
    const elements = [
      block["accessory"],
      ...(Array.isArray(block["elements"]) ? (block["elements"] as unknown[]) : []),
    ];
    for (const element of elements) {
      for (const button of buttonsOf(element)) {
        if (!isWanted(button, wanted)) continue;
        return { blockId: typeof block["block_id"] === "string" ? block["block_id"] : `fake${index}`, element: button };
      }
    }
  }
  throw new Error(`there is no message with a button ${JSON.stringify(wanted ?? "at all")}`);
}

/** Of thumbs each one is pressed by itself, and comes back as the element they are. */
function buttonsOf(element: unknown): Json[] {
  if (!isObject(element)) return [];
  if (element["type"] === "button") return [element];
  if (element["type"] !== "feedback_buttons") return [];
  const { type, action_id, positive_button: up, negative_button: down } = element;
  return [up, down].map((thumb) => ({ type, action_id, ...(thumb as Json) }));
}

function isWanted(button: Json, wanted: string | undefined): boolean {
  const { text, action_id: actionId, value } = button;
  return wanted === undefined || [actionId, value, isObject(text) ? text["text"] : null].includes(wanted);
}
