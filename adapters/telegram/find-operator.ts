import { randomBytes } from "node:crypto";
import { pause } from "../../src/platform/backoff.ts";
import { openTelegramApi } from "./telegram-api.ts";

const DEADLINE_MS = 30_000;
const POLL_SECONDS = 20;
/** Between polls that hold other people's messages: they are left for the gateway, so each poll gets them again. */
const PAUSE_MS = 1_000;

export interface FindOperatorOptions {
  token: string;
  apiRoot: string | null;
  /** Told the link that only the operator sees; who opens it and presses Start is found. */
  onLink: (link: string) => void;
}

/** As much of an update as is looked at. */
interface Update {
  message?: { text?: string; chat?: { type?: string }; from?: { id?: number } };
}

/**
 * The number of the person who sends the bot what only the operator was told. Takes nothing in: the gateway gets all
 * updates later. Null after the abort; rejects as the Bot API does, while another program polls for the bot, too.
 */
export async function findOperator(options: FindOperatorOptions, signal: AbortSignal): Promise<number | null> {
  const { token, apiRoot, onLink } = options;
  const api = openTelegramApi({ token, apiRoot, connections: 1, deadlineMs: DEADLINE_MS });
  const word = randomBytes(16).toString("hex");
  try {
    const { username } = await api.raw.getMe(signal);
    onLink(`https://t.me/${username}?start=${word}`);
    for (;;) {
      const updates = (await api.raw.getUpdates({ timeout: POLL_SECONDS, limit: 100 }, signal)) as Update[];
      const told = updates.find(({ message }) => message?.chat?.type === "private" && isWord(message.text, word));
      if (told?.message?.from?.id !== undefined) return told.message.from.id;
      await pause(PAUSE_MS, signal);
      if (signal.aborted) return null;
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    await api.close();
  }
}

function isWord(text: string | undefined, word: string): boolean {
  return text === word || text === `/start ${word}`;
}
