import { isGiven, isObject, jsonOf, requiredText, textOf } from "./args.ts";
import { key, type SessionStatus } from "./agent-threads.ts";
import type { FakeChannel, Json } from "./channels.ts";
import { seenChannel, threadRoot } from "./place-checks.ts";
import { Refusal, refusalWithWords } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

const STATUSES: readonly string[] = ["active", "processing", "suspended", "closed"] satisfies SessionStatus[];
const MOST_PROMPTS = 4;
const MOST_LOADING_MESSAGES = 10;
const MOST_SESSION_TITLE = 200;

/** assistant.threads.setStatus: "" clears it. */
export function setStatus(call: ApiCall): Json {
  const { world, args } = call;
  const { channel, thread } = threadOf(call);
  if (args["status"] === undefined || args["status"] === null) {
    throw refusalWithWords("invalid_arguments", "missing required field: status");
  }
  const loading = jsonOf(args, "loading_messages", "invalid_arguments") ?? [];
  if (!Array.isArray(loading) || loading.length > MOST_LOADING_MESSAGES) {
    throw refusalWithWords("invalid_arguments", `no more than ${MOST_LOADING_MESSAGES} items allowed`);
  }
  world.threads.setStatus(channel.id, thread, textOf(args, "status"), loading.map(String));
  return done(call, channel);
}

export function setTitle(call: ApiCall): Json {
  const { channel, thread } = threadOf(call);
  call.world.threads.titles.set(key(channel.id, thread), requiredText(call.args, "title"));
  return done(call, channel);
}

export function setSuggestedPrompts(call: ApiCall): Json {
  const { world, args } = call;
  const channel = memberChannel(call);
  const prompts = jsonOf(args, "prompts", "invalid_arguments");
  if (!Array.isArray(prompts) || prompts.length > MOST_PROMPTS || !prompts.every((each) => isPrompt(each))) {
    throw refusalWithWords("invalid_arguments", `must be 1 to ${MOST_PROMPTS} prompts with title and message`);
  }
  // With a thread_ts, prompts are shown nowhere in the agent view, and Slack says nothing of it.
  if (!isGiven(args, "thread_ts")) {
    world.threads.prompts.set(channel.id, prompts as { title: string; message: string }[]);
  }
  return done(call, channel);
}

export function setSessionStatus(call: ApiCall): Json {
  const { world, args } = call;
  const { channel, thread } = threadOf(call);
  const status = textOf(args, "status");
  if (!STATUSES.includes(status)) {
    throw refusalWithWords("invalid_arguments", `must be one of: ${STATUSES.join(", ")}`);
  }
  const title = textOf(args, "title");
  if (title.length > MOST_SESSION_TITLE) {
    throw refusalWithWords("invalid_arguments", `must be less than ${MOST_SESSION_TITLE + 1} characters`);
  }
  const at = key(channel.id, thread);
  const session = { status: status as SessionStatus, title: world.threads.sessions.get(at)?.title ?? title };
  world.threads.sessions.set(at, session);
  return { status, title: session.title, ...done(call, channel) };
}

function done(call: ApiCall, channel: FakeChannel): Json {
  call.world.live.note(call.method, channel.id, call.args);
  call.world.changes.notify();
  return {};
}

function memberChannel(call: ApiCall): FakeChannel {
  const channel = seenChannel(call, "channel_id");
  if (!channel.members.has(call.world.app.bot)) {
    throw new Refusal("not_in_channel");
  }
  return channel;
}

function threadOf(call: ApiCall): { channel: FakeChannel; thread: string } {
  const channel = memberChannel(call);
  requiredText(call.args, "thread_ts");
  const root = threadRoot(call, channel);
  return { channel, thread: root?.ts ?? "" };
}

function isPrompt(value: unknown): boolean {
  return isObject(value) && typeof value["title"] === "string" && typeof value["message"] === "string";
}
