import type { Args } from "./args.ts";
import type { FakeChannel } from "./channels.ts";
import type { FakeUser } from "./directory.ts";
import type { FakeSlack } from "./fake-slack.ts";

/** What stands ready when a row of the table is tried. */
export interface Scene {
  fake: FakeSlack;
  ann: FakeUser;
  dm: FakeChannel;
  /** Public, with Ann and the bot. */
  channel: FakeChannel;
  /** A message "mine" of the bot in the channel, in the thread of Ann's "theirs". */
  mine: string;
  theirs: string;
}

export interface RefusalRow {
  rule: string;
  /** Where the rule comes from; "fake" where it is stricter than Slack or Slack's way is not written down. */
  source: string;
  method: string;
  args: Args | ((scene: Scene) => Args);
  before?: (scene: Scene) => unknown;
  error: string;
  /** What Slack says beside it. */
  words?: string;
}

export const DOCS = "docs.slack.dev/reference/methods";
export const KIT = "docs.slack.dev/reference/block-kit";
