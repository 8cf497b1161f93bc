import type { FakeSlack } from "../fakes/slack/fake-slack.ts";

/** What a gateway has in its environment to serve this Slack. */
export function slackSettings({ app, apiUrl }: FakeSlack, mode: "socket" | "http"): Record<string, string> {
  return {
    SLACK_BOT_TOKEN: app.botToken,
    SLACK_API_URL: apiUrl,
    SLACK_MODE: mode,
    ...(mode === "socket" ? { SLACK_APP_TOKEN: app.appToken } : { SLACK_SIGNING_SECRET: app.signingSecret }),
  };
}
