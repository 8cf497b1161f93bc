import type { FakeMessage } from "../../fakes/telegram/chats.ts";
import { defaultText } from "../../fakes/model/script.ts";

/** What the model says to a question, and so what the chat must show in the end. */
export function answerTo(question: string, words: number): string {
  return defaultText([{ role: "user", content: question }], words);
}

/** Whether a message says that its answer was begun again too often. */
export function isGivenUp(text: string): boolean {
  return text.includes("it failed several times");
}

/** The texts a message had, each with the one it replaced, where it got shorter. */
export function shortenings(message: FakeMessage): string[] {
  return message.versions
    .slice(1)
    .flatMap(({ text }, index) =>
      text.length < message.versions[index]!.text.length ? [`${message.versions[index]!.text} → ${text}`] : [],
    );
}

/** When the message first showed this text; epoch ms. */
export function shownAt(message: FakeMessage, text: string): number {
  return message.versions.find((version) => version.text === text)?.at ?? Number.POSITIVE_INFINITY;
}

/** Says in the run's output what was measured, and returns it. */
export function measured(what: string, ms: number): number {
  process.stdout.write(`      ${what}: ${Math.round(ms)} ms\n`);
  return ms;
}
