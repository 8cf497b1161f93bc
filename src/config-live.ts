import { type Config, ConfigFaults, listSecrets, readConfig } from "./config.ts";
import { SECRET_NAMES } from "./config-names.ts";
import type { Environment } from "./config-reader.ts";
import type { Log } from "./platform/platform-adapter.ts";

/** How long a webhook's old secret counts: the platform and the other replicas learn of the new one a little later. */
const GRACE_MS = 30_000;

const REREAD_MS = 5_000;

/** What came of looking into the files of secrets again. */
export interface Reread {
  changed: boolean;
  /** Settings whose change has no effect before a restart. */
  restart: string[];
  /** Why the files are not used as they are now; null = they are. */
  fault: string | null;
}

/** The configuration, whose secrets may change while the process runs: those that stand in files (`…_FILE`). */
export class LiveConfig {
  #now: Config;
  /** Newest first; those whose time is over go at the next change. */
  #replaced: { config: Config; until: number }[] = [];
  #changes = 0;
  readonly #read: (() => Config) | null;
  readonly #clock: () => number;

  /** `read` reads all settings anew and throws `ConfigFaults`; null = no secret stands in a file. */
  constructor(config: Config, read: (() => Config) | null, clock: () => number = () => performance.now()) {
    this.#now = config;
    this.#read = read;
    this.#clock = clock;
  }

  get now(): Config {
    return this.#now;
  }

  /** How often a secret has changed. */
  get changes(): number {
    return this.#changes;
  }

  /** The secret that was replaced last, within its half minute; null = there is none that counts. */
  before(pick: (config: Config) => string | null): string | null {
    const now = pick(this.#now);
    // Not the newest alone: what it differs in may be another secret.
    const replaced = this.#replaced.find(({ config, until }) => this.#clock() < until && pick(config) !== now);
    return replaced ? pick(replaced.config) : null;
  }

  /** A file that is just being written, or is wrong, changes nothing: what held before holds on. */
  reread(): Reread {
    const none = { changed: false, restart: [], fault: null };
    if (this.#read === null) return none;
    let next: Config;
    try {
      next = this.#read();
    } catch (error) {
      if (error instanceof ConfigFaults) return { ...none, fault: error.message };
      throw error;
    }
    if (listSecrets(next).join("\n") === listSecrets(this.#now).join("\n")) return none;
    const restart: string[] = [];
    const { database, telegram } = this.#now;
    if (JSON.stringify(next.database) !== JSON.stringify(database)) restart.push("DATABASE_URL");
    const isOtherBot = botOf(next) !== botOf(this.#now);
    if (isOtherBot) restart.push("TELEGRAM_BOT_TOKEN");
    const adopted = Object.freeze({ ...next, database, telegram: isOtherBot ? telegram : next.telegram });
    if (listSecrets(adopted).join("\n") === listSecrets(this.#now).join("\n")) return { ...none, restart };
    const now = this.#clock();
    const still = this.#replaced.filter(({ until }) => now < until);
    this.#replaced = [{ config: this.#now, until: now + GRACE_MS }, ...still];
    this.#now = adopted;
    this.#changes += 1;
    return { changed: true, restart, fault: null };
  }
}

/** Reads all settings anew; null = no secret stands in a file, so there is nothing to read. */
export function rereadOf(env: Environment = process.env): (() => Config) | null {
  const inFile = SECRET_NAMES.some((name) => Object.hasOwn(env, `${name}_FILE`) && env[`${name}_FILE`]?.trim() !== "");
  return inFile ? () => readConfig(env) : null;
}

export interface WatchOptions {
  /** What the log hides: a new secret is added before anything knows it. */
  secrets: Set<string>;
  log: Log;
  onChange: () => void;
  everyMs?: number;
}

/** Looks every 5 s whether the secrets in files have changed, until the function that it returns is called. */
export function watchSecrets(live: LiveConfig, options: WatchOptions): () => void {
  const { secrets, log, onChange, everyMs = REREAD_MS } = options;
  let told = "";
  const look = (): void => {
    const { changed, restart, fault } = live.reread();
    for (const secret of listSecrets(live.now)) secrets.add(secret);
    const news = [fault ?? "", ...restart].join("\n");
    if (news !== told && fault !== null) log.warn({ fault }, "changed secrets are not used: a setting is wrong");
    else if (news !== told && restart.length > 0) {
      log.warn({ settings: restart }, "a changed setting needs a restart to have an effect");
    }
    told = news;
    if (!changed) return;
    log.info({}, "secrets have changed, and those from now on are used");
    onChange();
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      log.error({ err: error }, "the files of secrets could not be looked into");
    }
  }, everyMs);
  return () => clearInterval(timer);
}

/** Whose token it is: what stands before the colon, https://core.telegram.org/bots/api#authorizing-your-bot */
function botOf({ telegram }: Config): string | undefined {
  return telegram?.botToken.split(":")[0];
}
