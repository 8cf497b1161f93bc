import { countOf, flagOf, requiredText, textOf } from "./args.ts";
import type { FakeChannel, FakeMessage, Json } from "./channels.ts";
import type { FakeUser } from "./directory.ts";
import { channelJson, messageJson, userJson } from "./message-json.ts";
import { seenChannel } from "./place-checks.ts";
import { Refusal } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

export function authTest({ world }: ApiCall): Json {
  const { app } = world;
  return {
    url: `https://${app.team.domain}.slack.com/`,
    team: app.team.name,
    user: app.bot.name,
    team_id: app.team.id,
    user_id: app.bot.id,
    bot_id: app.bot.botId,
    is_enterprise_install: false,
  };
}

export function teamInfo({ world, args }: ApiCall): Json {
  const wanted = textOf(args, "team") || world.app.team.id;
  const team = world.directory.teams.find(({ id }) => id === wanted);
  if (team === undefined) {
    throw new Refusal("team_not_found");
  }
  return { team: { id: team.id, name: team.name, domain: team.domain, email_domain: "" } };
}

export function usersInfo({ world, args }: ApiCall): Json {
  const user = knownUser(world.directory.users, requiredText(args, "user", "user_not_found"));
  const locale = flagOf(args, "include_locale") === true && user.locale !== null ? { locale: user.locale } : {};
  return { user: { ...userJson(world.app, user), ...locale } };
}

export function conversationsInfo(call: ApiCall): Json {
  return { channel: channelJson(call.world.app, seenChannel(call)) };
}

export function conversationsOpen({ world, args }: ApiCall): Json {
  const { directory, app } = world;
  const given = textOf(args, "channel");
  if (given !== "") {
    const channel = directory.channels.get(given);
    if (channel === undefined || !channel.members.has(app.bot)) {
      throw new Refusal("channel_not_found");
    }
    return { channel: { id: channel.id } };
  }
  const ids = requiredText(args, "users", "users_list_not_supplied").split(",");
  const users = ids.map((id) => knownUser(directory.users, id.trim()));
  const members = [app.bot, ...users];
  const known = directory.direct(members);
  const name = users.map((user) => user.name).join("--");
  const channel = known ?? directory.addChannel(users.length > 1 ? "mpim" : "im", name, members);
  const full = flagOf(args, "return_im") === true;
  return {
    ...(known === undefined ? {} : { no_op: true, already_open: true }),
    channel: full ? channelJson(app, channel) : { id: channel.id },
  };
}

export function conversationsReplies(call: ApiCall): Json {
  const channel = readableChannel(call);
  const root = channel.visible(requiredText(call.args, "ts", "thread_not_found"));
  if (root === undefined) {
    throw new Refusal("thread_not_found");
  }
  return page(call, channel, [root], channel.repliesTo(root.ts), 1000);
}

/** The newest first, without replies that were not sent to the channel. */
export function conversationsHistory(call: ApiCall): Json {
  const channel = readableChannel(call);
  const messages = [...channel.messages.values()].filter(
    (message) => !message.deleted && (message.threadTs === null || message.broadcast),
  );
  return page(call, channel, [], messages.toReversed(), 100);
}

function readableChannel(call: ApiCall): FakeChannel {
  const channel = seenChannel(call);
  if (!channel.members.has(call.world.app.bot)) {
    throw new Refusal("not_in_channel");
  }
  return channel;
}

/** @param head stands on every page */
function page(call: ApiCall, channel: FakeChannel, head: FakeMessage[], all: FakeMessage[], usual: number): Json {
  const { args, world } = call;
  const within = all.filter((message) => isWithin(call, message));
  const cursor = textOf(args, "cursor");
  const start = cursor === "" ? 0 : Number(/^next:(\d+)$/.exec(cursor)?.[1] ?? Number.NaN);
  if (Number.isNaN(start)) {
    throw new Refusal("invalid_cursor");
  }
  const limit = countOf(args, "limit", usual, 1000);
  const shown = within.slice(start, start + limit);
  const hasMore = start + limit < within.length;
  const withMetadata = flagOf(args, "include_all_metadata") === true;
  return {
    messages: [...head, ...shown].map((message) => ({
      ...messageJson(world.app, channel, message),
      ...(withMetadata && message.metadata !== null ? { metadata: message.metadata } : {}),
    })),
    has_more: hasMore,
    ...(hasMore ? { response_metadata: { next_cursor: `next:${start + limit}` } } : {}),
  };
}

function isWithin({ args }: ApiCall, { ts }: FakeMessage): boolean {
  const oldest = textOf(args, "oldest");
  const latest = textOf(args, "latest");
  const inclusive = flagOf(args, "inclusive") === true;
  const after = oldest === "" || isLater(ts, oldest) || (inclusive && ts === oldest);
  const before = latest === "" || isLater(latest, ts) || (inclusive && ts === latest);
  return after && before;
}

/** Digits after the point may be fewer than six: "1700000000" and "0" are times too. */
function isLater(ts: string, than: string): boolean {
  return micros(ts) > micros(than);
}

function micros(ts: string): bigint {
  const [seconds = "", fraction = ""] = ts.split(".");
  return BigInt(seconds || 0) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6) || 0);
}

function knownUser(users: ReadonlyMap<string, FakeUser>, id: string): FakeUser {
  const user = users.get(id);
  if (user === undefined) {
    throw new Refusal("user_not_found");
  }
  return user;
}
