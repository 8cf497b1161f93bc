import { requiredText, textOf } from "./args.ts";
import type { FakeChannel, FakeMessage } from "./channels.ts";
import { Refusal } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

/** The conversation as the bot may see it: private ones only as a member. */
export function seenChannel(call: ApiCall, name = "channel"): FakeChannel {
  const { directory, app } = call.world;
  const channel = directory.channels.get(requiredText(call.args, name, "channel_not_found"));
  if (channel === undefined || (channel.type !== "channel" && !channel.members.has(app.bot))) {
    throw new Refusal("channel_not_found");
  }
  return channel;
}

/** One the bot may write to. */
export function writableChannel(call: ApiCall, name = "channel", archived = "is_archived"): FakeChannel {
  const channel = seenChannel(call, name);
  if (!channel.members.has(call.world.app.bot)) {
    throw new Refusal("not_in_channel");
  }
  if (channel.archived) {
    throw new Refusal(archived);
  }
  return channel;
}

/** The root that `thread_ts` names; null without one. */
export function threadRoot(call: ApiCall, channel: FakeChannel): FakeMessage | null {
  const ts = textOf(call.args, "thread_ts");
  if (ts === "") {
    return null;
  }
  const root = channel.messages.get(ts);
  // Slack advises against the ts of a reply; what it then does is not written down, so the fake refuses.
  if (root === undefined || root.deleted || root.threadTs !== null) {
    throw new Refusal("thread_not_found");
  }
  return root;
}
