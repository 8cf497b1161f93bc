import type { UsersInfoResponse } from "@slack/web-api";
import { errorCode } from "../../src/errors.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";
import type { SlackPerson } from "./slack-content.ts";

export type SlackUser = NonNullable<UsersInfoResponse["user"]>;

export interface PeopleOptions {
  /** Rejects when Slack cannot tell. */
  ask(userId: string): Promise<SlackUser>;
  /** Where the bot lives. */
  home(): { teamId: string; enterpriseId: string | null };
  log: Log;
  now?: () => number;
}

interface Known {
  person: SlackPerson;
  at: number;
}

const MAX_KNOWN = 10_000;
/** Asked again after this long; what was known before then holds while Slack cannot be asked. */
const FRESH_MS = 10 * 60_000;
const HOLDS_MS = 6 * 3_600_000;
/** Slack wants its acknowledgement within 3 s, and the storing has to fit in there too. */
const LOOK_MS = 1_500;
const COMPLAIN_EVERY_MS = 60_000;

/** Who the people are that write, asked once each and remembered for a while: above all, whether they are guests. */
export class SlackPeople {
  readonly #options: PeopleOptions;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  #complainedAt = Number.NEGATIVE_INFINITY;
  readonly #asking = new Map<string, Promise<Known | null>>();

  constructor(options: PeopleOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Undefined = it cannot be known now. Takes a second and a half at most, and never rejects. */
  async look(userId: string): Promise<SlackPerson | undefined> {
    const known = this.#known.get(userId) ?? null;
    const age = known ? this.#now() - known.at : Number.POSITIVE_INFINITY;
    if (known && age < FRESH_MS) return known.person;
    const answer = (await this.#askInTime(userId)) ?? (age < HOLDS_MS ? known : null);
    return answer?.person;
  }

  /** The question goes on after the deadline, for the person's next message. */
  async #askInTime(userId: string): Promise<Known | null> {
    const late = Promise.withResolvers<null>();
    const timer = setTimeout(() => late.resolve(null), LOOK_MS);
    try {
      return await Promise.race([this.#askOnce(userId), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Bounded by the calls that Slack's API has on the way. */
  #askOnce(userId: string): Promise<Known | null> {
    const asking =
      this.#asking.get(userId) ??
      this.#options
        .ask(userId)
        .then((user) => this.#remember(userId, this.#toPerson(user)))
        .catch((error: unknown) => this.#notTold(userId, error))
        .finally(() => this.#asking.delete(userId));
    this.#asking.set(userId, asking);
    return asking;
  }

  /** Whom Slack does not know, or will not show to us, is nobody of ours. */
  #notTold(userId: string, error: unknown): Known | null {
    if (errorCode(error) === "not_found") return this.#remember(userId, { name: "", outsider: true });
    if (this.#now() - this.#complainedAt > COMPLAIN_EVERY_MS) {
      this.#complainedAt = this.#now();
      this.#options.log.warn({ err: error }, "Slack does not say who somebody is; in channels they are not answered");
    }
    return null;
  }

  #remember(userId: string, person: SlackPerson): Known {
    const known = { person, at: this.#now() };
    this.#known.delete(userId);
    this.#known.set(userId, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    return known;
  }

  #toPerson(user: SlackUser): SlackPerson {
    const { display_name: shown, real_name: real } = user.profile ?? {};
    const { teamId, enterpriseId } = this.#options.home();
    const isOfOurOrganisation = enterpriseId !== null && user.enterprise_user?.enterprise_id === enterpriseId;
    const isGuest = [user.is_restricted, user.is_ultra_restricted, user.is_stranger, user.deleted].includes(true);
    return {
      name: (shown || real || user.real_name || user.name || "").slice(0, 256).toWellFormed(),
      outsider: isGuest || !(user.team_id === teamId || isOfOurOrganisation),
    };
  }
}
