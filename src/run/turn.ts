import { type Message, textOf } from "../agent/message.ts";
import type { MessageId } from "../ids.ts";
import { turnMessage } from "../store/runs.ts";
import { STALE_MS } from "./drain.ts";

/** One message of a run's turn. */
export interface TurnInput {
  messageId: MessageId;
  message: Message;
  /** The platform's id of it; null = it came over the API. */
  chatMessageId: string | null;
  writtenAt: number;
  /** When it was accepted; left out: nobody knows any more. */
  receivedMs?: number;
}

/** What was written long ago says so, as data of the turn. */
export function datedIfOld(input: TurnInput): Message {
  if (Date.now() - input.writtenAt < STALE_MS) return input.message;
  const when = new Date(input.writtenAt).toISOString().slice(0, 16).replace("T", " ");
  const { parts, author } = input.message;
  return turnMessage([{ type: "text", text: `[written ${when} UTC]\n` }, ...parts], author ?? null);
}

/** The turn with a note for whoever answers it after somebody else: what stands before is not their own. */
export function handedOver(
  turn: TurnInput[],
  { follows, agent }: { follows: string | null; agent: string },
): TurnInput[] {
  const [first, ...rest] = turn;
  if (!first || follows === null || follows === agent) return turn;
  const note = { type: "context", kind: "agent", author: follows, text: agent } as const;
  return [{ ...first, message: { ...first.message, parts: [note, ...first.message.parts] } }, ...rest];
}

/** The first words of the turn. */
export function titleFrom(turn: TurnInput[]): string {
  const words = textOf(turn[0]?.message ?? { parts: [] })
    .replaceAll(/\s+/g, " ")
    .trim();
  return words.length <= 60 ? words : `${words.slice(0, 59).toWellFormed()}…`;
}

/** Who said these, by their ids on the platform; nobody where each message is the same person's. */
export function authorsOf(messages: readonly Message[]): string[] {
  return [...new Set(messages.flatMap(({ author }) => (author ? [author.id] : [])))];
}
