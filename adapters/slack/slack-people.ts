import type { UsersInfoResponse } from "@slack/web-api";
import { errorCode, GatewayError } from "../../src/errors.ts";
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
  /** How long one question takes of Slack's limit. */
  askEveryMs?: number;
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
/** docs.slack.dev/reference/methods/users.info: tier 4, a hundred calls a minute and short bursts. */
const ASK_EVERY_MS = 600;
const ASK_BURST = 20;
/** Whoever would wait longer than this for the question is asked about at the next message. */
const MAX_WAIT_MS = 60_000;
const COMPLAIN_EVERY_MS = 60_000;

/** Who the people are that write, asked once each and remembered for a while: above all, whether they are guests. */
export class SlackPeople {
  readonly #options: PeopleOptions;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  #complainedAt = Number.NEGATIVE_INFINITY;
  readonly #asking = new Map<string, Promise<Known | "refused" | null>>();
  /** When the last question was or will be asked, as if they came evenly: up to a burst in the past. */
  #slotAt = Number.NEGATIVE_INFINITY;

  constructor(options: PeopleOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Undefined = Slack does not tell. Rejects `unavailable` when it may tell later: then nothing may be decided. Takes a
   * second and a half at most.
   */
  async look(userId: string): Promise<SlackPerson | undefined> {
    const known = this.#known.get(userId) ?? null;
    const age = known ? this.#now() - known.at : Number.POSITIVE_INFINITY;
    if (known && age < FRESH_MS) return known.person;
    const answer = await this.#askInTime(userId);
    if (answer !== null && answer !== "refused") return answer.person;
    if (known && age < HOLDS_MS) return known.person;
    if (answer === "refused") return undefined;
    throw new GatewayError("unavailable", "Slack does not say in time who somebody is.");
  }

  /** The question goes on after the deadline, for the person's next message, or the same one when it comes again. */
  async #askInTime(userId: string): Promise<Known | "refused" | null> {
    const late = Promise.withResolvers<null>();
    const timer = setTimeout(() => late.resolve(null), LOOK_MS);
    try {
      return await Promise.race([this.#askOnce(userId), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #askOnce(userId: string): Promise<Known | "refused" | null> {
    const asking =
      this.#asking.get(userId) ??
      this.#askInTurn(userId)
        .then((user) => this.#remember(userId, this.#toPerson(user)))
        .catch((error: unknown) => this.#notTold(userId, error))
        .finally(() => this.#asking.delete(userId));
    this.#asking.set(userId, asking);
    return asking;
  }

  /** Within Slack's limit, so that a crowd of new people is known as soon as may be and nobody is refused. */
  async #askInTurn(userId: string): Promise<SlackUser> {
    const { askEveryMs = ASK_EVERY_MS } = this.#options;
    const now = this.#now();
    const slotAt = Math.max(this.#slotAt + askEveryMs, now - (ASK_BURST - 1) * askEveryMs);
    if (slotAt - now > MAX_WAIT_MS) throw new GatewayError("rate_limited", "Too many people are asked about.");
    this.#slotAt = slotAt;
    if (slotAt > now) await new Promise((resolve) => setTimeout(resolve, slotAt - now).unref());
    return this.#options.ask(userId);
  }

  /** Whom Slack does not know, or will not show to us, is nobody of ours. Null = it may still say. */
  #notTold(userId: string, error: unknown): Known | "refused" | null {
    const code = errorCode(error);
    if (code === "not_found") return this.#remember(userId, { name: "", outsider: true });
    if (code === "rate_limited" && error instanceof GatewayError && error.retryAfterMs !== undefined) {
      this.#slotAt = Math.max(this.#slotAt, this.#now() + error.retryAfterMs);
    }
    if (this.#now() - this.#complainedAt > COMPLAIN_EVERY_MS) {
      this.#complainedAt = this.#now();
      this.#options.log.warn(
        { err: error },
        "Slack does not say who somebody is; in channels they are not answered before it does",
      );
    }
    return code === "rate_limited" || code === "unavailable" ? null : "refused";
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
    const language = /^[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}$/i.exec(user.locale ?? "")?.[0];
    return {
      name: (shown || real || user.real_name || user.name || "").slice(0, 256).toWellFormed(),
      outsider: isGuest || !(user.team_id === teamId || isOfOurOrganisation),
      ...(language === undefined ? {} : { language }),
    };
  }
}
