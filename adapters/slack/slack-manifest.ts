import { ASK_SHORTCUT } from "./read-slack-shortcut.ts";
import type { AppsManifestCreateArguments } from "@slack/web-api";

type Manifest = AppsManifestCreateArguments["manifest"];

/** What the bot must be allowed, and for what. Scopes that a token lacks are what a doctor looks for. */
export const BOT_SCOPES = [
  "app_mentions:read", // being mentioned
  "assistant:write", // the status "is thinking…"
  "channels:read", // leaving a channel, and its new id
  "groups:read",
  "channels:history", // replies in threads of public channels
  "groups:history", // … of private channels
  "im:history", // direct messages
  "mpim:history", // group direct messages
  "chat:write", // answers
  "commands", // /parley, and the shortcut in a message's menu
  "files:read", // files that come with messages
  "files:write", // files that agents send
  "users:read", // who is a guest
] as const;

/** What Slack tells the bot of. */
const BOT_EVENTS = [
  "app_mention",
  "message.im",
  "message.mpim",
  "message.channels",
  "message.groups",
  "app_home_opened",
  "agent_session_stopped",
  "member_left_channel",
  "channel_left",
  "group_left",
  "channel_id_changed",
  "app_uninstalled",
  "tokens_revoked",
] as const;

type Scopes = NonNullable<NonNullable<NonNullable<Manifest["oauth_config"]>["scopes"]>["bot"]>;
type Events = NonNullable<NonNullable<NonNullable<Manifest["settings"]>["event_subscriptions"]>["bot_events"]>;

export interface ManifestOptions {
  name: string;
  /** Where Slack shall call; null = Socket Mode, for which the gateway needs no address. */
  publicUrl: string | null;
}

/**
 * The app as Slack has to know it, to be pasted at https://api.slack.com/apps ("From a manifest"). One app per
 * environment: with Socket Mode each event goes to any one connection of its app.
 * https://docs.slack.dev/reference/app-manifest
 */
export function slackManifest({ name, publicUrl }: ManifestOptions): Manifest {
  const url = publicUrl === null ? null : `${publicUrl}/slack/events`;
  return {
    _metadata: { major_version: 2, minor_version: 1 },
    display_information: { name, description: "Talk to an agent in direct messages and threads." },
    features: {
      agent_view: {
        agent_description: "Answers in the thread you write in. Mention it in a channel, or write to it directly.",
        suggested_prompts: [{ title: "What can you do?", message: "What can you do?" }],
      },
      app_home: { home_tab_enabled: false, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: name.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "-"), always_online: true },
      // A shortcut's name has at most 24 characters.
      shortcuts: [
        {
          type: "message",
          name: `Ask ${name}`.slice(0, 24).trimEnd(),
          callback_id: ASK_SHORTCUT,
          description: "Answers in the message's thread.",
        },
      ],
      slash_commands: [
        {
          command: "/parley",
          description:
            "stop, status, new, sessions, agent, model, mode, title, compact, memory, forget, usage, trace, web, link, unlink, help",
          usage_hint:
            "[stop | status | new | sessions | agent | model | mode | title | compact | memory | forget | usage | trace | web | link | unlink | help]",
          should_escape: true,
          ...(url === null ? {} : { url }),
        },
      ],
    },
    oauth_config: {
      // `assistant:write` is not among the types' scopes yet.
      scopes: { bot: [...BOT_SCOPES] as unknown as Scopes },
    },
    settings: {
      event_subscriptions: {
        ...(url === null ? {} : { request_url: url }),
        // `agent_session_stopped` is not among the types' events yet.
        bot_events: [...BOT_EVENTS] as unknown as Events,
      },
      interactivity: { is_enabled: true, ...(url === null ? {} : { request_url: url }) },
      org_deploy_enabled: false,
      socket_mode_enabled: url === null,
      token_rotation_enabled: false,
    },
  };
}
