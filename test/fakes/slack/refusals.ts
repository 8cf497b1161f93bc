import { CONTENT_REFUSALS } from "./refusals-of-content.ts";
import { STREAM_REFUSALS } from "./refusals-of-streams.ts";
import { DOCS, type RefusalRow, type Scene } from "./refusal-row.ts";

type Row = Omit<RefusalRow, "method" | "source">;

function of(method: string, source: string, rows: Row[]): RefusalRow[] {
  return rows.map((row) => ({ ...row, method, source }));
}

const elsewhere = ({ fake }: Scene): { channel: string } => ({
  channel: fake.channelNamed("not-mine", { bot: false }).id,
});
const secret = ({ fake }: Scene): { channel: string } => ({
  channel: fake.channelNamed("secret", { bot: false, private: true }).id,
});
const archive = ({ fake, channel, ann }: Scene): void => fake.archive(channel, ann);

const POSTING = of("chat.postMessage", `${DOCS}/chat.postMessage`, [
  { rule: "no conversation", args: { text: "x" }, error: "channel_not_found" },
  { rule: "an unknown conversation", args: { channel: "C1", text: "x" }, error: "channel_not_found" },
  { rule: "a name instead of an id", args: { channel: "#general", text: "x" }, error: "channel_not_found" },
  {
    rule: "a private channel without the bot",
    args: (scene) => ({ ...secret(scene), text: "x" }),
    error: "channel_not_found",
  },
  {
    rule: "a public one without the bot",
    args: (scene) => ({ ...elsewhere(scene), text: "x" }),
    error: "not_in_channel",
  },
  {
    rule: "one the bot was thrown out of",
    args: ({ channel }) => ({ channel: channel.id, text: "x" }),
    before: ({ fake, channel }) => fake.leave(channel, fake.bot),
    error: "not_in_channel",
  },
  {
    rule: "an archived one",
    args: ({ channel }) => ({ channel: channel.id, text: "x" }),
    before: archive,
    error: "is_archived",
  },
  {
    rule: "one whose id has changed",
    args: ({ fake, channel }) => ({ channel: fake.changeChannelId(channel).oldId, text: "x" }),
    error: "channel_not_found",
  },
  {
    rule: "a thread that does not exist",
    args: ({ channel }) => ({ channel: channel.id, text: "x", thread_ts: "1.000001" }),
    error: "thread_not_found",
  },
  {
    rule: "a thread whose root is gone",
    args: ({ channel, theirs }) => ({ channel: channel.id, text: "x", thread_ts: theirs }),
    before: ({ fake, channel, theirs }) => fake.remove(channel, theirs),
    error: "thread_not_found",
  },
  {
    rule: "a reply instead of its root (fake: Slack advises against it)",
    args: ({ channel, mine }) => ({ channel: channel.id, text: "x", thread_ts: mine }),
    error: "thread_not_found",
  },
]);

const EDITING = of("chat.update", `${DOCS}/chat.update`, [
  {
    rule: "no message",
    args: ({ channel }) => ({ channel: channel.id, text: "x" }),
    error: "message_not_found",
    words: "missing required field: ts",
  },
  {
    rule: "an unknown message",
    args: ({ channel }) => ({ channel: channel.id, ts: "1.000001", text: "x" }),
    error: "message_not_found",
  },
  {
    rule: "a message that is gone",
    args: ({ channel, mine }) => ({ channel: channel.id, ts: mine, text: "x" }),
    before: ({ channel, mine }) => {
      const message = channel.visible(mine);
      if (message !== undefined) {
        channel.remove(message);
      }
    },
    error: "message_not_found",
  },
  {
    rule: "somebody else's message",
    args: ({ channel, theirs }) => ({ channel: channel.id, ts: theirs, text: "x" }),
    error: "cant_update_message",
  },
  {
    rule: "one in an archived channel",
    args: ({ channel, mine }) => ({ channel: channel.id, ts: mine, text: "x" }),
    before: archive,
    error: "is_inactive",
  },
  {
    rule: "text above 4000 characters",
    args: ({ channel, mine }) => ({ channel: channel.id, ts: mine, text: "x".repeat(4001) }),
    error: "msg_too_long",
  },
  {
    rule: "nothing at all",
    args: ({ channel, mine }) => ({ channel: channel.id, ts: mine }),
    error: "no_text",
  },
]);

const REMOVING = of("chat.delete", `${DOCS}/chat.delete`, [
  {
    rule: "somebody else's message",
    args: ({ channel, theirs }) => ({ channel: channel.id, ts: theirs }),
    error: "cant_delete_message",
  },
  {
    rule: "an unknown message",
    args: ({ channel }) => ({ channel: channel.id, ts: "1.000001" }),
    error: "message_not_found",
  },
  {
    rule: "one in an archived channel (fake: Slack's word is not written down)",
    args: ({ channel, mine }) => ({ channel: channel.id, ts: mine }),
    before: archive,
    error: "is_archived",
  },
]);

const WHISPERING = of("chat.postEphemeral", `${DOCS}/chat.postEphemeral`, [
  {
    rule: "nobody",
    args: ({ channel }) => ({ channel: channel.id, text: "x" }),
    error: "user_not_in_channel",
  },
  {
    rule: "somebody outside the channel",
    args: ({ fake, channel }) => ({ channel: channel.id, user: fake.user("bob").id, text: "x" }),
    error: "user_not_in_channel",
  },
]);

const READING = [
  ...of("conversations.replies", `${DOCS}/conversations.replies`, [
    { rule: "no thread", args: ({ channel }) => ({ channel: channel.id }), error: "thread_not_found" },
    {
      rule: "an unknown thread",
      args: ({ channel }) => ({ channel: channel.id, ts: "1.000001" }),
      error: "thread_not_found",
    },
    {
      rule: "a channel without the bot",
      args: (scene) => ({ ...elsewhere(scene), ts: "1.1" }),
      error: "not_in_channel",
    },
    {
      rule: "a strange cursor",
      args: ({ channel, theirs }) => ({ channel: channel.id, ts: theirs, cursor: "x" }),
      error: "invalid_cursor",
    },
  ]),
  ...of("conversations.history", `${DOCS}/conversations.history`, [
    { rule: "a channel without the bot", args: elsewhere, error: "not_in_channel" },
    { rule: "a private one without the bot", args: secret, error: "channel_not_found" },
  ]),
  ...of("conversations.info", `${DOCS}/conversations.info`, [
    { rule: "a private one without the bot", args: secret, error: "channel_not_found" },
  ]),
  ...of("conversations.open", `${DOCS}/conversations.open`, [
    { rule: "nobody", args: {}, error: "users_list_not_supplied" },
    { rule: "an unknown person", args: { users: "U1" }, error: "user_not_found" },
    { rule: "a conversation of others", args: elsewhere, error: "channel_not_found" },
  ]),
  ...of("users.info", `${DOCS}/users.info`, [
    { rule: "an unknown person", args: { user: "U1" }, error: "user_not_found" },
  ]),
  ...of("team.info", `${DOCS}/team.info`, [{ rule: "an unknown team", args: { team: "T1" }, error: "team_not_found" }]),
];

const thread = ({ channel, theirs }: Scene): { channel_id: string; thread_ts: string } => ({
  channel_id: channel.id,
  thread_ts: theirs,
});

const AGENTS = [
  ...of("assistant.threads.setStatus", `${DOCS}/assistant.threads.setStatus`, [
    { rule: "no status", args: thread, error: "invalid_arguments", words: "missing required field: status" },
    {
      rule: "no thread",
      args: ({ channel }) => ({ channel_id: channel.id, status: "x" }),
      error: "invalid_arguments",
      words: "missing required field: thread_ts",
    },
    {
      rule: "an unknown thread",
      args: ({ channel }) => ({ channel_id: channel.id, thread_ts: "1.1", status: "x" }),
      error: "thread_not_found",
    },
    {
      rule: "a channel without the bot",
      args: (scene) => ({ channel_id: elsewhere(scene).channel, thread_ts: "1.1", status: "x" }),
      error: "not_in_channel",
    },
    {
      rule: "eleven loading messages",
      args: (scene) => ({ ...thread(scene), status: "x", loading_messages: Array.from({ length: 11 }, () => "y") }),
      error: "invalid_arguments",
      words: "no more than 10 items allowed",
    },
  ]),
  ...of("assistant.threads.setTitle", `${DOCS}/assistant.threads.setTitle`, [
    { rule: "no title", args: thread, error: "invalid_arguments", words: "missing required field: title" },
  ]),
  ...of("assistant.threads.setSuggestedPrompts", `${DOCS}/assistant.threads.setSuggestedPrompts`, [
    {
      rule: "five prompts",
      args: ({ dm }) => ({
        channel_id: dm.id,
        prompts: Array.from({ length: 5 }, () => ({ title: "x", message: "y" })),
      }),
      error: "invalid_arguments",
      words: "must be 1 to 4 prompts with title and message",
    },
    {
      rule: "a prompt without its message",
      args: ({ dm }) => ({ channel_id: dm.id, prompts: [{ title: "x" }] }),
      error: "invalid_arguments",
      words: "must be 1 to 4 prompts with title and message",
    },
  ]),
  ...of("agents.sessions.setStatus", `${DOCS}/agents.sessions.setStatus`, [
    {
      rule: "an unknown status",
      args: (scene) => ({ ...thread(scene), status: "busy" }),
      error: "invalid_arguments",
      words: "must be one of: active, processing, suspended, closed",
    },
    {
      rule: "a title of 201 characters",
      args: (scene) => ({ ...thread(scene), status: "active", title: "x".repeat(201) }),
      error: "invalid_arguments",
      words: "must be less than 201 characters",
    },
  ]),
];

const APP = of("auth.test", `${DOCS}/auth.test`, [
  {
    rule: "a revoked token",
    args: {},
    before: ({ fake }) => fake.revokeToken(),
    error: "token_revoked",
  },
  {
    rule: "a token of an app that is gone",
    args: {},
    before: ({ fake }) => fake.revokeToken("account_inactive"),
    error: "account_inactive",
  },
]);

const FILES = [
  ...of("files.info", `${DOCS}/files.info`, [
    { rule: "an unknown file", args: { file: "F0" }, error: "file_not_found" },
  ]),
  ...of("files.getUploadURLExternal", `${DOCS}/files.getUploadURLExternal`, [
    { rule: "a file of no size", args: { filename: "a.txt" }, error: "invalid_arguments" },
  ]),
  ...of("files.completeUploadExternal", `${DOCS}/files.completeUploadExternal`, [
    {
      rule: "what was not uploaded",
      args: ({ channel }) => ({ channel_id: channel.id, files: [{ id: "F0" }] }),
      error: "file_not_found",
    },
  ]),
];

/** Everything the fake refuses; each row is tried. */
const FORMS = of("views.open", `${DOCS}/views.open`, [
  { rule: "a press of over three seconds ago", args: { trigger_id: "1.a", view: {} }, error: "expired_trigger_id" },
  {
    rule: "a title of over 24 characters",
    args: () => ({
      trigger_id: `${Date.now()}.a`,
      view: { type: "modal", title: { type: "plain_text", text: "x".repeat(25) }, blocks: [] },
    }),
    error: "invalid_arguments",
  },
]);

export const REFUSALS: readonly RefusalRow[] = [
  ...POSTING,
  ...EDITING,
  ...REMOVING,
  ...WHISPERING,
  ...READING,
  ...AGENTS,
  ...APP,
  ...FILES,
  ...FORMS,
  ...CONTENT_REFUSALS,
  ...STREAM_REFUSALS,
];
