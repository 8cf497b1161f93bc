import type { FakeChannel, FakeMessage, Json } from "./channels.ts";
import type { FakeTeam, FakeUser } from "./directory.ts";
import type { Installation } from "./world.ts";

/** A message as the Web API and events have it. */
export function messageJson(app: Installation, channel: FakeChannel, message: FakeMessage): Json {
  const { author } = message;
  return {
    ...(message.subtype === null ? {} : { subtype: message.subtype }),
    user: author.id,
    type: "message",
    ts: message.ts,
    ...(message.clientMsgId === null ? {} : { client_msg_id: message.clientMsgId }),
    ...botFields(author),
    text: message.text,
    team: author.team.id,
    ...strangerFields(app, channel, author),
    ...(message.blocks === null ? {} : { blocks: message.blocks }),
    ...(message.attachments === null ? {} : { attachments: message.attachments }),
    ...(message.edited === null ? {} : { edited: message.edited }),
    ...threadFields(channel, message),
    ...message.extra,
  };
}

/** The message as an event tells it. */
export function messageEvent(app: Installation, channel: FakeChannel, message: FakeMessage): Json {
  return {
    ...messageJson(app, channel, message),
    ...(message.subtype === "thread_broadcast" ? { root: rootJson(app, channel, message) } : {}),
    channel: channel.id,
    event_ts: message.ts,
    channel_type: channel.type,
  };
}

/** The other half of a pair: no `channel_type`, and the same `ts`. */
export function mentionEvent(app: Installation, channel: FakeChannel, message: FakeMessage): Json {
  const { subtype: _, ...json } = messageJson(app, channel, message);
  return { ...json, type: "app_mention", channel: channel.id, event_ts: message.ts };
}

function rootJson(app: Installation, channel: FakeChannel, message: FakeMessage): Json {
  const root = message.threadTs === null ? undefined : channel.messages.get(message.threadTs);
  return root === undefined ? {} : messageJson(app, channel, root);
}

function botFields(author: FakeUser): Json {
  if (author.botId === null) {
    return {};
  }
  const { botId, appId, name, team } = author;
  return {
    bot_id: botId,
    app_id: appId,
    bot_profile: { id: botId, app_id: appId, name, deleted: false, updated: 0, team_id: team.id },
  };
}

/** In shared channels Slack says where an author belongs. */
function strangerFields(app: Installation, channel: FakeChannel, author: FakeUser): Json {
  if (!channel.extShared) {
    return {};
  }
  const fields: Json = { user_team: author.team.id, source_team: author.team.id };
  if (author.team !== app.team) {
    fields["user_profile"] = { name: author.name, real_name: author.name, team: author.team.id };
  }
  return fields;
}

function threadFields(channel: FakeChannel, message: FakeMessage): Json {
  if (message.threadTs !== null) {
    const root = channel.messages.get(message.threadTs);
    return { thread_ts: message.threadTs, ...(root === undefined ? {} : { parent_user_id: root.author.id }) };
  }
  const replies = channel.repliesTo(message.ts);
  if (replies.length === 0) {
    return {};
  }
  const users = [...new Set(replies.map((reply) => reply.author.id))];
  return {
    thread_ts: message.ts,
    reply_count: replies.length,
    reply_users_count: users.length,
    reply_users: users,
    latest_reply: replies.at(-1)?.ts,
  };
}

export function channelJson(app: Installation, channel: FakeChannel): Json {
  const { type } = channel;
  const isMember = channel.members.has(app.bot);
  const shared = [...channel.sharedWith].map((team: FakeTeam) => team.id);
  const common = {
    id: channel.id,
    is_channel: type === "channel",
    is_group: type === "group",
    is_im: type === "im",
    is_mpim: type === "mpim",
    is_private: type !== "channel",
    is_archived: channel.archived,
    is_ext_shared: channel.extShared,
    is_shared: channel.extShared,
    is_org_shared: false,
    context_team_id: app.team.id,
    created: 1_700_000_000,
  };
  if (type === "im") {
    const other = [...channel.members].find((member) => member !== app.bot);
    return { ...common, user: other?.id, is_user_deleted: other?.deactivated ?? false, is_open: true };
  }
  return {
    ...common,
    name: channel.name,
    name_normalized: channel.name,
    is_member: isMember,
    is_general: false,
    is_pending_ext_shared: false,
    num_members: channel.members.size,
    connected_team_ids: shared,
    shared_team_ids: [app.team.id, ...shared],
  };
}

export function userJson(app: Installation, user: FakeUser): Json {
  const single = user.kind === "single_channel_guest";
  return {
    id: user.id,
    team_id: user.team.id,
    name: user.name,
    real_name: user.name,
    deleted: user.deactivated,
    is_bot: user.kind === "bot",
    is_app_user: false,
    is_admin: false,
    is_owner: false,
    is_restricted: single || user.kind === "guest",
    is_ultra_restricted: single,
    ...(user.team === app.team ? {} : { is_stranger: true }),
    profile: {
      real_name: user.name,
      display_name: user.name,
      team: user.team.id,
      ...(user.botId === null ? {} : { bot_id: user.botId, api_app_id: user.appId }),
    },
    tz: "Europe/Berlin",
    updated: 1_700_000_000,
  };
}
