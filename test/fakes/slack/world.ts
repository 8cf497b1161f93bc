import type { Changes } from "../telegram/changes.ts";
import type { Timers } from "../telegram/timers.ts";
import type { Args } from "./args.ts";
import type { AgentThreads } from "./agent-threads.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Directory, FakeTeam, FakeUser } from "./directory.ts";
import type { FakeFile } from "./file-methods.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type { LiveReport } from "./live-report.ts";
import type { ResponseUrls } from "./response-urls.ts";
import type { FakeForm } from "./view-methods.ts";

/** What the app has in the home workspace. */
export interface Installation {
  readonly appId: string;
  readonly team: FakeTeam;
  /** The bot user. */
  readonly bot: FakeUser & { readonly botId: string };
  readonly botToken: string;
  readonly appToken: string;
  readonly signingSecret: string;
  /** The old verification token that still comes with every payload. */
  readonly verificationToken: string;
  readonly scopes: Set<string>;
  /** The error every call gets; null while the token is good. */
  refused: "token_revoked" | "account_inactive" | "invalid_auth" | null;
}

/** What all parts of one fake share. */
export interface World {
  readonly now: () => number;
  readonly changes: Changes;
  readonly timers: Timers;
  /** Refuse unknown arguments instead of only counting them. */
  readonly strict: boolean;
  readonly journal: Journal;
  readonly directory: Directory;
  readonly app: Installation;
  readonly deliveries: Deliveries;
  readonly threads: AgentThreads;
  readonly live: LiveReport;
  readonly files: Map<string, FakeFile>;
  readonly responseUrls: ResponseUrls;
  /** Those that were opened, in order. */
  readonly forms: FakeForm[];
  /** Where the fake listens, without a slash at its end. */
  url: string;
  /** A link for one Socket Mode connection. */
  readonly socketLink: () => string;
}

/** One call of the Web API while it is served. */
export interface ApiCall {
  readonly world: World;
  readonly method: string;
  readonly args: Args;
  readonly entry: JournalEntry;
}
