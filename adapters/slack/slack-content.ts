/** What is known of somebody from `users.info`. */
export interface SlackPerson {
  name: string;
  /** A guest, a stranger, or somebody of another organisation. */
  outsider: boolean;
}

/** Who we are on Slack, and what a reader must know besides the event itself. */
export interface SlackBot {
  /** The id of the installation: `E…` for an app that is installed for a whole organisation, else `T…`. */
  install: string;
  teamId: string;
  enterpriseId: string | null;
  /** The bot as a user, and what its own messages carry. */
  userId: string;
  botId: string;
  appId: string;
  name: string;
  /** `thread`: every message to the bot begins a talk of its own; `channel`: one talk in each DM. */
  dm: "thread" | "channel";
  /** Looked up before; without this function nobody is taken for a guest, with it whoever it does not know is one. */
  person?: (userId: string) => SlackPerson | undefined;
  /** Origins of response URLs besides Slack's own. */
  hookOrigins?: readonly string[];
}
