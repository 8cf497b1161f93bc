import type { WebClientOptions } from "@slack/web-api";

type SlackLog = NonNullable<WebClientOptions["logger"]>;

/**
 * What Slack's clients want to say is dropped: their debug lines hold tokens and texts, their errors the address of a
 * socket. All of it that matters reaches us as a rejection or an event, and is logged in our words.
 */
export const silentSlackLog: SlackLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  setName: () => undefined,
  getLevel: () => "error" as ReturnType<SlackLog["getLevel"]>,
};
