import * as agents from "./agent-methods.ts";
import * as chat from "./chat-methods.ts";
import type { Json } from "./channels.ts";
import * as files from "./file-methods.ts";
import type { Rate } from "./limits.ts";
import * as streams from "./stream-methods.ts";
import type { ApiCall } from "./world.ts";
import * as views from "./view-methods.ts";
import * as workspace from "./workspace-methods.ts";

export interface ApiMethod {
  readonly name: string;
  /** Returns what stands beside `ok: true`, or throws a `Refusal`. */
  readonly run: (call: ApiCall) => Json;
  readonly token: "bot" | "app";
  /** Any one of them will do; empty = none is needed. */
  readonly scopes: readonly string[];
  readonly rate: Rate;
  /** The arguments of @slack/web-api 8.2 that mean something here, or change nothing a fake could show. */
  readonly fields: ReadonlySet<string>;
}

const CONTENT = ["channel", "text", "blocks", "attachments", "markdown_text", "parse", "link_names", "as_user"];
const STREAMED = ["channel", "markdown_text", "chunks"];
const LOOK = ["icon_emoji", "icon_url", "username"];
const RANGE = ["channel", "limit", "cursor", "oldest", "latest", "inclusive", "include_all_metadata"];
const READS = ["channels:history", "groups:history", "im:history", "mpim:history"];
const SEES = ["channels:read", "groups:read", "im:read", "mpim:read"];

const METHODS: ApiMethod[] = [
  method("auth.test", workspace.authTest, { scopes: [], rate: null, fields: [] }),
  method("team.info", workspace.teamInfo, { scopes: ["team:read"], rate: 3, fields: ["team", "domain"] }),
  method("users.info", workspace.usersInfo, { scopes: ["users:read"], rate: 4, fields: ["user", "include_locale"] }),
  method("conversations.info", workspace.conversationsInfo, {
    scopes: SEES,
    rate: 3,
    fields: ["channel", "include_locale", "include_num_members"],
  }),
  method("conversations.open", workspace.conversationsOpen, {
    scopes: ["im:write", "mpim:write", "channels:manage", "groups:write"],
    rate: 3,
    fields: ["channel", "users", "return_im", "prevent_creation"],
  }),
  method("conversations.replies", workspace.conversationsReplies, { scopes: READS, rate: 3, fields: [...RANGE, "ts"] }),
  method("conversations.history", workspace.conversationsHistory, { scopes: READS, rate: 3, fields: RANGE }),
  method("chat.postMessage", chat.postMessage, {
    scopes: ["chat:write"],
    rate: "post",
    fields: [...CONTENT, ...LOOK, "thread_ts", "reply_broadcast", "metadata", "unfurl_links", "unfurl_media", "mrkdwn"],
  }),
  method("chat.update", chat.update, {
    scopes: ["chat:write"],
    rate: 3,
    fields: [...CONTENT, "ts", "metadata", "file_ids", "reply_broadcast"],
  }),
  method("chat.delete", chat.remove, { scopes: ["chat:write"], rate: 3, fields: ["channel", "ts", "as_user"] }),
  method("chat.postEphemeral", chat.postEphemeral, {
    scopes: ["chat:write"],
    rate: 4,
    fields: [...CONTENT, ...LOOK, "user", "thread_ts"],
  }),
  method("chat.startStream", streams.startStream, {
    scopes: ["chat:write"],
    rate: 2,
    fields: [...STREAMED, ...LOOK, "thread_ts", "recipient_team_id", "recipient_user_id", "task_display_mode"],
  }),
  method("chat.appendStream", streams.appendStream, {
    scopes: ["chat:write"],
    rate: 4,
    fields: [...STREAMED, "ts"],
  }),
  method("chat.stopStream", streams.stopStream, {
    scopes: ["chat:write"],
    rate: 2,
    fields: [...STREAMED, "ts", "blocks", "metadata", "session_status"],
  }),
  method("files.info", files.filesInfo, { scopes: ["files:read"], rate: 4, fields: ["file"] }),
  method("files.getUploadURLExternal", files.getUploadUrl, {
    scopes: ["files:write"],
    rate: 4,
    fields: ["filename", "length"],
  }),
  method("files.completeUploadExternal", files.completeUpload, {
    scopes: ["files:write"],
    rate: 4,
    fields: ["files", "channel_id", "thread_ts"],
  }),
  method("assistant.threads.setStatus", agents.setStatus, {
    scopes: ["chat:write", "assistant:write"],
    rate: 5,
    fields: ["channel_id", "thread_ts", "status", "loading_messages", ...LOOK],
  }),
  method("assistant.threads.setTitle", agents.setTitle, {
    scopes: ["assistant:write"],
    rate: 4,
    fields: ["channel_id", "thread_ts", "title"],
  }),
  method("assistant.threads.setSuggestedPrompts", agents.setSuggestedPrompts, {
    scopes: ["assistant:write"],
    rate: 4,
    fields: ["channel_id", "thread_ts", "prompts", "title"],
  }),
  method("agents.sessions.setStatus", agents.setSessionStatus, {
    scopes: ["chat:write", "assistant:write"],
    rate: 4,
    fields: ["channel_id", "thread_ts", "status", "title", "initiator_user_id", ...LOOK],
  }),
  method("views.open", views.viewsOpen, { scopes: [], rate: 4, fields: ["trigger_id", "view"] }),
  {
    name: "apps.connections.open",
    run: ({ world }) => ({ url: world.socketLink() }),
    token: "app",
    scopes: [],
    rate: 3,
    fields: new Set(),
  },
];

const BY_NAME = new Map(METHODS.map((each) => [each.name, each]));

export function findMethod(name: string): ApiMethod | undefined {
  return BY_NAME.get(name);
}

function method(
  name: string,
  run: ApiMethod["run"],
  { fields, ...rest }: { scopes: readonly string[]; rate: Rate; fields: readonly string[] },
): ApiMethod {
  return { name, run, token: "bot", ...rest, fields: new Set(fields) };
}
