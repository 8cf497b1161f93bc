import type { FakeChannel, FakeMessage, Json } from "./channels.ts";
import type { FakeTeam } from "./directory.ts";
import { mentionEvent, messageEvent, messageJson } from "./message-json.ts";
import type { World } from "./world.ts";

/** docs.slack.dev/reference/events: the scope that each kind of conversation's messages need. */
const HISTORY_SCOPES = {
  channel: "channels:history",
  group: "groups:history",
  im: "im:history",
  mpim: "mpim:history",
} as const;

/** Whether the app reads along in this conversation. */
function readsAlong(world: World, channel: FakeChannel): boolean {
  return channel.members.has(world.app.bot) && world.app.scopes.has(HISTORY_SCOPES[channel.type]);
}

/**
 * A message was written: one event when the app reads along, another when it is mentioned (never in direct messages).
 * @returns the ids of the events
 */
export function tellOfMessage(world: World, channel: FakeChannel, message: FakeMessage): string[] {
  const { bot, scopes } = world.app;
  const origin = { channel, team: message.author.team };
  const ids: string[] = [];
  if (readsAlong(world, channel)) {
    ids.push(tell(world, messageEvent(world.app, channel, message), origin));
  }
  const mentioned = message.author !== bot && channel.type !== "im" && message.text.includes(`<@${bot.id}>`);
  if (mentioned && scopes.has("app_mentions:read")) {
    if (channel.members.has(bot)) {
      ids.push(tell(world, mentionEvent(world.app, channel, message), origin));
    } else {
      channel.mentionsMissed.push(message);
    }
  }
  world.changes.notify();
  return ids;
}

/** @param before the message's event JSON from before the change */
export function tellOfChange(world: World, channel: FakeChannel, message: FakeMessage, before: Json): string[] {
  return tellHidden(world, channel, message, {
    subtype: "message_changed",
    message: messageJson(world.app, channel, message),
    previous_message: withoutPlace(before),
  });
}

/** A root with replies stays as a gravestone, which Slack tells as a change. */
export function tellOfRemoval(world: World, channel: FakeChannel, message: FakeMessage, before: Json): string[] {
  if (channel.repliesTo(message.ts).length > 0) {
    const grave = { text: "This message was deleted.", user: "USLACKBOT", hidden: true, subtype: "tombstone" };
    return tellHidden(world, channel, message, {
      subtype: "message_changed",
      message: { ...messageJson(world.app, channel, message), blocks: undefined, ...grave },
      previous_message: withoutPlace(before),
    });
  }
  return tellHidden(world, channel, message, {
    subtype: "message_deleted",
    deleted_ts: message.ts,
    previous_message: withoutPlace(before),
  });
}

/** Tells any event. @returns its id */
export function tell(world: World, event: Json, origin: { channel?: FakeChannel; team?: FakeTeam } = {}): string {
  const { app, directory, deliveries } = world;
  const id = directory.newId("Ev");
  const shared = origin.channel?.extShared ?? false;
  deliveries.send({
    kind: "events_api",
    id,
    type: String(event["type"]),
    payload: {
      token: app.verificationToken,
      // In shared channels this is the author's workspace; who is meant stands in `authorizations`.
      team_id: shared ? (origin.team ?? app.team).id : app.team.id,
      context_team_id: app.team.id,
      context_enterprise_id: null,
      api_app_id: app.appId,
      event,
      type: "event_callback",
      event_id: id,
      event_time: Math.floor(world.now() / 1000),
      authorizations: [
        {
          enterprise_id: null,
          team_id: app.team.id,
          user_id: app.bot.id,
          is_bot: true,
          is_enterprise_install: false,
        },
      ],
      is_ext_shared_channel: shared,
      event_context: `4-${id}`,
    },
  });
  world.changes.notify();
  return id;
}

function tellHidden(world: World, channel: FakeChannel, message: FakeMessage, fields: Json): string[] {
  world.changes.notify();
  if (!readsAlong(world, channel)) {
    return [];
  }
  const ts = world.directory.newTs();
  const event = { type: "message", ...fields, channel: channel.id, hidden: true, ts, event_ts: ts };
  const origin = { channel, team: message.author.team };
  return [tell(world, { ...event, channel_type: channel.type }, origin)];
}

function withoutPlace(event: Json): Json {
  const { channel: _channel, channel_type: _type, event_ts: _ts, ...message } = event;
  return message;
}
