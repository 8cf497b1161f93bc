import { FakeChannel, type ChannelType } from "./channels.ts";

export interface FakeTeam {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
}

/** `guest` is in several channels, `single_channel_guest` in one. A stranger is a member of another team. */
export type UserKind = "member" | "guest" | "single_channel_guest" | "bot";

export interface FakeUser {
  readonly id: string;
  /** The handle. */
  readonly name: string;
  readonly team: FakeTeam;
  readonly kind: UserKind;
  /** Of bots: their `B…` and the app behind them. */
  readonly botId: string | null;
  readonly appId: string | null;
  deactivated: boolean;
  /** Of their app, for example `zh-CN`; told to whoever asks for it. */
  locale: string | null;
}

/** A conversation, or its id. */
export type ChannelRef = FakeChannel | string;

/** All teams, users and conversations; also gives out ids and timestamps. */
export class Directory {
  readonly teams: FakeTeam[] = [];
  readonly users = new Map<string, FakeUser>();
  /** By the present id. */
  readonly channels = new Map<string, FakeChannel>();
  #now: () => number;
  #ids = 0;
  #lastTs = 0;
  #usedTs = new Set<number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** "U" → "U0FAKE00007". Never the same twice. */
  newId(prefix: string): string {
    this.#ids++;
    return `${prefix}0FAKE${String(this.#ids).padStart(5, "0")}`;
  }

  /** Unique, `seconds.microseconds`, and growing unless it is asked for one of another time. */
  newTs(at?: number): string {
    let micros = at === undefined ? Math.max(this.#now() * 1000, this.#lastTs + 1) : at * 1000;
    while (this.#usedTs.has(micros)) {
      micros++;
    }
    this.#usedTs.add(micros);
    this.#lastTs = at === undefined ? micros : this.#lastTs;
    const seconds = Math.floor(micros / 1_000_000);
    return `${seconds}.${String(Math.floor(micros % 1_000_000)).padStart(6, "0")}`;
  }

  addTeam(name: string): FakeTeam {
    const team = { id: this.newId("T"), name, domain: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-") };
    this.teams.push(team);
    return team;
  }

  addUser(name: string, team: FakeTeam, kind: UserKind): FakeUser {
    const bot = kind === "bot" ? { botId: this.newId("B"), appId: this.newId("A") } : { botId: null, appId: null };
    const user: FakeUser = { id: this.newId("U"), name, team, kind, ...bot, deactivated: false, locale: null };
    this.users.set(user.id, user);
    return user;
  }

  addChannel(type: ChannelType, name: string, members: Iterable<FakeUser>): FakeChannel {
    const channel = new FakeChannel(this.newId(type === "im" ? "D" : "C"), { name, type, members });
    this.channels.set(channel.id, channel);
    return channel;
  }

  /** The direct message or group direct message of exactly these people. */
  direct(members: readonly FakeUser[]): FakeChannel | undefined {
    return [...this.channels.values()].find(
      ({ type, members: those }) =>
        (type === "im" || type === "mpim") && those.size === members.length && members.every((each) => those.has(each)),
    );
  }

  rename(channel: FakeChannel, id: string): void {
    this.channels.delete(channel.id);
    channel.id = id;
    this.channels.set(id, channel);
  }

  /** For tests: throws when there is none. */
  channel(ref: ChannelRef): FakeChannel {
    const channel = typeof ref === "string" ? this.channels.get(ref) : ref;
    if (channel === undefined) {
      throw new Error(`there is no conversation ${JSON.stringify(ref)}`);
    }
    return channel;
  }
}
