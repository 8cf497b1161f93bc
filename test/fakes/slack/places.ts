import type { FakeChannel } from "./channels.ts";
import type { ChannelRef, FakeTeam, FakeUser, UserKind } from "./directory.ts";
import { mentionEvent } from "./message-json.ts";
import { tell } from "./tell.ts";
import type { World } from "./world.ts";

/** Who and what there is in the workspace, and who is in what. */
export class Places {
  protected readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** The workspace the app is installed in. */
  get team(): FakeTeam {
    return this.world.app.team;
  }

  /** The app's bot user. */
  get bot(): FakeUser {
    return this.world.app.bot;
  }

  /** Another workspace, without the app. */
  otherTeam(name: string): FakeTeam {
    return this.world.directory.teams.find((team) => team.name === name) ?? this.world.directory.addTeam(name);
  }

  /** A person; the same one again for the same name. A stranger is somebody of another team; a `bot`, of another app. */
  user(name: string, options: { kind?: UserKind; team?: FakeTeam } = {}): FakeUser {
    const { directory } = this.world;
    const known = [...directory.users.values()].find((user) => user.name === name);
    return known ?? directory.addUser(name, options.team ?? this.team, options.kind ?? "member");
  }

  /** A public channel (or a private one); the bot is in it unless told otherwise. The same one again for the same name. */
  channelNamed(
    name: string,
    options: { private?: boolean; members?: FakeUser[]; bot?: boolean; sharedWith?: FakeTeam[] } = {},
  ): FakeChannel {
    const { directory } = this.world;
    const known = [...directory.channels.values()].find((channel) => channel.name === name && channel.type !== "im");
    if (known !== undefined) {
      return known;
    }
    const members = [...(options.members ?? []), ...(options.bot === false ? [] : [this.bot])];
    const channel = directory.addChannel(options.private === true ? "group" : "channel", name, members);
    this.#share(channel, options.sharedWith ?? []);
    return channel;
  }

  /** The direct message of a person with the bot. */
  dm(user: FakeUser): FakeChannel {
    const { directory } = this.world;
    const known = directory.direct([this.bot, user]);
    const channel = known ?? directory.addChannel("im", user.name, [this.bot, user]);
    this.#share(channel, user.team === this.team ? [] : [user.team]);
    return channel;
  }

  /** A direct message of two people, of which the bot knows nothing. */
  dmOfOthers(one: FakeUser, other: FakeUser): FakeChannel {
    const { directory } = this.world;
    return directory.direct([one, other]) ?? directory.addChannel("im", `${one.name} and ${other.name}`, [one, other]);
  }

  /** A group direct message of these people and the bot. */
  groupDm(users: FakeUser[]): FakeChannel {
    const { directory } = this.world;
    const members = [this.bot, ...users];
    const name = `mpdm-${users.map((user) => user.name).join("--")}-1`;
    return directory.direct(members) ?? directory.addChannel("mpim", name, members);
  }

  channel(ref: ChannelRef): FakeChannel {
    return this.world.directory.channel(ref);
  }

  /** Somebody comes in: a person, or the bot (then mentions from before are told). */
  join(ref: ChannelRef, user: FakeUser, inviter?: FakeUser): void {
    const channel = this.channel(ref);
    channel.members.add(user);
    this.#tellMembership(channel, user, "member_joined_channel", inviter);
    if (user === this.bot) {
      for (const message of channel.mentionsMissed.splice(0)) {
        tell(this.world, mentionEvent(this.world.app, channel, message), { channel, team: message.author.team });
      }
    }
  }

  /** Somebody goes, or is thrown out. */
  leave(ref: ChannelRef, user: FakeUser): void {
    const channel = this.channel(ref);
    this.#tellMembership(channel, user, "member_left_channel");
    channel.members.delete(user);
    if (user === this.bot) {
      tell(this.world, {
        type: channel.type === "group" ? "group_left" : "channel_left",
        channel: channel.id,
        actor_id: this.bot.id,
        event_ts: this.world.directory.newTs(),
      });
    }
  }

  archive(ref: ChannelRef, by: FakeUser): void {
    const channel = this.channel(ref);
    channel.archived = true;
    channel.note("archived");
    this.#tell({ type: "channel_archive", channel: channel.id, user: by.id }, channel);
  }

  /** Slack gives the conversation another id, as when it becomes shared; the old one is not found any more. */
  changeChannelId(ref: ChannelRef): { oldId: string; newId: string } {
    const channel = this.channel(ref);
    const oldId = channel.id;
    const newId = this.world.directory.newId(oldId.slice(0, 1));
    this.world.directory.rename(channel, newId);
    this.#tell({ type: "channel_id_changed", old_channel_id: oldId, new_channel_id: newId }, channel);
    return { oldId, newId };
  }

  /** Another workspace shares the channel from now on (Slack Connect). */
  shareChannel(ref: ChannelRef, team: FakeTeam): void {
    const channel = this.channel(ref);
    this.#share(channel, [team]);
    this.#tell({ type: "channel_shared", connected_team_id: team.id, channel: channel.id }, channel);
  }

  /** Slack has had enough: so many events in an hour that it leaves some out. It says so by something that is no event. */
  rateLimitApp(): void {
    const { app, deliveries, directory, now } = this.world;
    deliveries.send({
      kind: "events_api",
      id: directory.newId("Ev"),
      type: "app_rate_limited",
      payload: {
        token: app.verificationToken,
        type: "app_rate_limited",
        team_id: app.team.id,
        minute_rate_limited: Math.floor(now() / 60_000) * 60,
        api_app_id: app.appId,
      },
    });
  }

  /** The person's account is closed. */
  deactivate(user: FakeUser): void {
    user.deactivated = true;
    this.world.changes.notify();
  }

  /** Every call with the bot token is refused from now on; the app is told as Slack tells it. */
  revokeToken(error: "token_revoked" | "account_inactive" | "invalid_auth" = "token_revoked"): void {
    const { app } = this.world;
    app.refused = error;
    tell(this.world, { type: "tokens_revoked", tokens: { oauth: [], bot: [app.bot.id] } });
    if (error === "account_inactive") {
      tell(this.world, { type: "app_uninstalled" });
    }
  }

  #share(channel: FakeChannel, teams: readonly FakeTeam[]): void {
    for (const team of teams) {
      channel.sharedWith.add(team);
    }
  }

  #tellMembership(channel: FakeChannel, user: FakeUser, type: string, inviter?: FakeUser): void {
    const kind = channel.type === "channel" ? "C" : "G";
    const more = inviter === undefined ? {} : { inviter: inviter.id };
    channel.note(`${user === this.bot ? "bot" : user.name} ${type === "member_joined_channel" ? "joined" : "left"}`);
    const event = { type, user: user.id, channel: channel.id, channel_type: kind, team: user.team.id, ...more };
    if (channel.members.has(this.bot)) {
      this.#tell(event, channel);
    }
  }

  #tell(event: Record<string, unknown>, channel: FakeChannel): void {
    tell(this.world, { ...event, event_ts: this.world.directory.newTs() }, { channel });
  }
}
