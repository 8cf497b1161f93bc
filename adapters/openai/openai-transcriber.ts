import { Agent, FormData, request } from "undici";
import type { Transcriber } from "../../src/agent/transcriber.ts";
import { GatewayError } from "../../src/errors.ts";
import { readText } from "./body-reader.ts";
import { errorCodeOf, redactor } from "./openai-errors.ts";

export interface OpenAITranscriberOptions {
  /** Read at every call: it may change. */
  readonly apiKey: string | null;
  /** Ending in /v1, as a rule. */
  baseUrl: string;
  model: string;
  deadlineMs?: number;
}

/** https://platform.openai.com/docs/guides/speech-to-text: 25 MB. */
const MAX_BYTES = 25_000_000;
const DEADLINE_MS = 60_000;
const ANSWER_BYTES = 1_000_000;
/** Servers tell the format by the ending. */
const ENDINGS: Readonly<Record<string, string>> = {
  "audio/ogg": "ogg",
  "audio/mpeg": "mp3",
  "audio/mp4": "m4a",
  "audio/wav": "wav",
  "audio/webm": "webm",
  "audio/flac": "flac",
};

/** Speech to text behind an OpenAI-compatible /audio/transcriptions endpoint. */
export function createOpenAITranscriber(options: OpenAITranscriberOptions): Transcriber & { close(): Promise<void> } {
  const { baseUrl, model, deadlineMs = DEADLINE_MS } = options;
  const pool = new Agent({ connections: 16, connect: { timeout: 10_000 } });
  return {
    maxBytes: MAX_BYTES,
    async transcribe({ bytes, mediaType }, signal) {
      const { apiKey } = options;
      const redact = redactor(apiKey ?? "");
      const form = new FormData();
      // Its sender's name for it goes nowhere.
      const name = `audio.${ENDINGS[mediaType] ?? "ogg"}`;
      form.append("file", new Blob([Uint8Array.from(bytes)], { type: mediaType }), name);
      form.append("model", model);
      form.append("response_format", "json");
      try {
        const answer = await request(`${baseUrl}/audio/transcriptions`, {
          method: "POST",
          headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
          body: form,
          dispatcher: pool,
          signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
        });
        const text = await readText(answer.body, ANSWER_BYTES);
        if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
        return readTranscript(text);
      } catch (error) {
        const cause = new Error(redact(errorCodeOf(error)).slice(0, 300));
        throw new GatewayError("unavailable", "The recording could not be transcribed.", { cause });
      }
    },
    close: () => pool.destroy(),
  };
}

function readTranscript(answer: string): string {
  const said = parsed(answer);
  if (typeof said === "object" && said !== null && "text" in said && typeof said.text === "string") return said.text;
  throw new Error("an answer without text");
}

/** A parser's complaint quotes what it was given, and what people said belongs into no log. */
function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw new Error("an answer that is no JSON");
  }
}
