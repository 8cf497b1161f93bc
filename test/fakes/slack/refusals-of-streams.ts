import type { Args } from "./args.ts";
import type { FakeMessage } from "./channels.ts";
import { DOCS, type RefusalRow, type Scene } from "./refusal-row.ts";
import { endStream, openStream, STREAM_LIFE_MS } from "./streams.ts";

const START = `${DOCS}/chat.startStream`;
const APPEND = `${DOCS}/chat.appendStream`;

const messageIn = ({ channel, mine }: Scene): FakeMessage => channel.messages.get(mine)!;
const streams = (scene: Scene): void => openStream(messageIn(scene), Date.now(), { text: "x", tasks: [] });
const isOver = (scene: Scene): void =>
  openStream(messageIn(scene), Date.now() - STREAM_LIFE_MS, { text: "x", tasks: [] });
const isStopped = (scene: Scene): void => {
  streams(scene);
  endStream(messageIn(scene), "stopped_by_user");
};
const mine = ({ channel, mine: ts }: Scene): Args => ({ channel: channel.id, ts });
const inThread = ({ channel, theirs }: Scene): Args => ({
  channel: channel.id,
  thread_ts: theirs,
  recipient_team_id: "T1",
  recipient_user_id: "U1",
});

export const STREAM_REFUSALS: readonly RefusalRow[] = [
  {
    rule: "a stream outside of direct messages for nobody",
    source: START,
    method: "chat.startStream",
    args: ({ channel, theirs }) => ({ channel: channel.id, thread_ts: theirs, markdown_text: "x" }),
    error: "missing_recipient_team_id",
  },
  {
    rule: "one for somebody of no workspace",
    source: START,
    method: "chat.startStream",
    args: (scene) => ({ ...inThread(scene), recipient_user_id: "", markdown_text: "x" }),
    error: "missing_recipient_user_id",
  },
  {
    rule: "one outside of a thread (fake: @slack/web-api requires it, the page calls it optional)",
    source: "fake",
    method: "chat.startStream",
    args: ({ dm }) => ({ channel: dm.id, markdown_text: "x" }),
    error: "invalid_arguments",
    words: "missing required field: thread_ts",
  },
  {
    rule: "one that begins with nothing",
    source: "fake",
    method: "chat.startStream",
    args: (scene) => inThread(scene),
    error: "no_text",
  },
  {
    rule: "more than 12,000 characters at once",
    source: START,
    method: "chat.startStream",
    args: (scene) => ({ ...inThread(scene), markdown_text: "x".repeat(12_001) }),
    error: "msg_too_long",
  },
  {
    rule: "a chunk that is none",
    source: START,
    method: "chat.startStream",
    args: (scene) => ({ ...inThread(scene), chunks: [{ type: "text", text: "x" }] }),
    error: "invalid_chunks",
  },
  {
    rule: "a task without its title",
    source: START,
    method: "chat.startStream",
    args: (scene) => ({ ...inThread(scene), chunks: [{ type: "task_update", id: "1", status: "complete" }] }),
    error: "invalid_chunks",
  },
  {
    rule: "a message that was posted",
    source: APPEND,
    method: "chat.appendStream",
    args: (scene) => ({ ...mine(scene), markdown_text: "x" }),
    error: "message_not_in_streaming_state",
  },
  {
    rule: "a stream of five minutes ago",
    source: "python-slack-sdk#1859",
    method: "chat.appendStream",
    args: (scene) => ({ ...mine(scene), markdown_text: "x" }),
    before: isOver,
    error: "message_not_in_streaming_state",
  },
  {
    rule: "its end as well",
    source: "python-slack-sdk#1859",
    method: "chat.stopStream",
    args: mine,
    before: isOver,
    error: "message_not_in_streaming_state",
  },
  {
    rule: "a stream that its reader has stopped",
    source: "Actual-Chat#4720",
    method: "chat.appendStream",
    args: (scene) => ({ ...mine(scene), markdown_text: "x" }),
    before: isStopped,
    error: "stopped_by_user",
  },
  {
    rule: "an edit of a stream",
    source: `${DOCS}/chat.update`,
    method: "chat.update",
    args: (scene) => ({ ...mine(scene), text: "x" }),
    before: streams,
    error: "streaming_state_conflict",
  },
  {
    rule: "the removal of a stream (fake: not written down)",
    source: "fake",
    method: "chat.delete",
    args: mine,
    before: streams,
    error: "streaming_state_conflict",
  },
];
