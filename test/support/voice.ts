import { expect } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { FakeChannel } from "../fakes/slack/channels.ts";
import type { FakeUser as SlackUser } from "../fakes/slack/directory.ts";
import type { FakeChat, FakeUser } from "../fakes/telegram/chats.ts";
import type { Scene } from "./e2e.ts";

/** A message of the bot as people see it: every text it had, the last one being there now. */
export interface Shown {
  texts: string[];
}

/** Somebody at a place where the bot listens, on whatever platform. */
export interface Voice {
  readonly name: string;
  /** Says it so that the bot knows itself addressed. */
  say(text: string): void;
  /** The bot's messages there which are not removed. */
  shown(): Shown[];
  /** Resolves when it is so, which is checked whenever anything changes there. */
  until(condition: () => boolean, timeoutMs?: number): Promise<unknown>;
}

export class TelegramVoice implements Voice {
  readonly name: string;
  readonly #scene: Scene;
  readonly #where: { chat: FakeChat; user: FakeUser; thread?: number };

  constructor(scene: Scene, name: string, where: { chat: FakeChat; user: FakeUser; thread?: number }) {
    this.#scene = scene;
    this.name = name;
    this.#where = where;
  }

  say(text: string): void {
    const { chat, user: from, thread } = this.#where;
    const call = chat.type === "private" ? "" : `@${this.#scene.telegram.bots[chat.bot]?.username} `;
    this.#scene.telegram.say({ chat, from, text: call + text, ...(thread === undefined ? {} : { thread }) });
  }

  shown(): Shown[] {
    const { chat, thread } = this.#where;
    const messages = this.#scene.telegram.botMessages(chat, thread);
    return messages.map(({ versions }) => ({ texts: versions.map(({ text }) => text) }));
  }

  until(condition: () => boolean, timeoutMs?: number): Promise<unknown> {
    return this.#scene.telegram.until(condition, timeoutMs);
  }
}

/** In a thread of Slack, which the first words begin: by a mention where others read along. */
export class SlackVoice implements Voice {
  readonly name: string;
  readonly channel: FakeChannel;
  readonly user: SlackUser;
  /** Null until something was said. */
  thread: string | null = null;
  readonly #scene: Scene;

  constructor(scene: Scene, name: string, where: { channel: FakeChannel; user: SlackUser; thread?: string }) {
    this.#scene = scene;
    this.name = name;
    this.channel = where.channel;
    this.user = where.user;
    this.thread = where.thread ?? null;
  }

  say(text: string, mention = this.thread === null && this.channel.type !== "im"): void {
    const thread = this.thread === null ? {} : { thread: this.thread };
    const { ts } = this.#scene.slack.say({ channel: this.channel, user: this.user, text, mention, ...thread });
    this.thread ??= ts;
  }

  shown(): Shown[] {
    if (this.thread === null) return [];
    const messages = this.#scene.slack.botMessages(this.channel, this.thread);
    return messages.map(({ versions }) => ({ texts: versions.map(({ shown }) => seen(shown)) }));
  }

  until(condition: () => boolean, timeoutMs?: number): Promise<unknown> {
    return this.#scene.slack.until(condition, timeoutMs);
  }
}

/** Without the button, and the zero-width spaces that keep text from becoming something else. */
function seen(shown: string): string {
  return shown.replace(/\n\[Stop\]$/, "").replaceAll("\u200B", "");
}

/** Says it, and waits for the whole answer to stand there. */
export async function converse(scene: Scene, voice: Voice, text: string, timeoutMs = 60_000): Promise<JournalEntry> {
  const request = await scene.requestFor(text, () => voice.say(text), timeoutMs);
  await scene.model.until(() => request.closedAt !== null, timeoutMs);
  await voice.until(() => lastTexts(voice).includes(request.sentText), timeoutMs);
  return request;
}

/** What stands there now. */
export function lastTexts(voice: Voice): string[] {
  return voice.shown().map(({ texts }) => texts.at(-1) ?? "");
}

/** Whether every version is a longer beginning of the last one; one may differ from that before in its button alone. */
export function grows({ texts }: Shown): boolean {
  const last = texts.at(-1) ?? "";
  return texts.every((text, index) => last.startsWith(text) && text.length >= (texts[index - 1] ?? "").length);
}

/** The one message of the bot there. */
export function onlyShown(voice: Voice): Shown {
  const [message, ...others] = voice.shown();
  expect(others, `further messages to ${voice.name}`).toEqual([]);
  expect(message, `a message to ${voice.name}`).toBeDefined();
  return message!;
}

/** Ann in private on both platforms, and what stands there. */
export function annInPrivate(scene: Scene): { platform: string; voice: Voice; lines: () => string[] }[] {
  const { telegram, slack } = scene;
  const ann = scene.person("Ann");
  const user = slack.user("Ann");
  const channel = slack.dm(user);
  const there = new SlackVoice(scene, "Ann", { channel, user });
  return [
    {
      platform: "telegram",
      voice: new TelegramVoice(scene, "Ann", ann),
      lines: () => telegram.transcript(ann.chat),
    },
    { platform: "slack", voice: there, lines: () => slack.transcript(channel, there.thread ?? undefined) },
  ];
}
