import type { IncomingMessage } from "node:http";
import { badRequest, type ErrorAnswer } from "./http-errors.ts";

/** A recording that came to be transcribed. */
export interface SentRecording {
  name: string;
  type: string;
  bytes: Buffer;
  model: string;
}

/** Endings that the real one takes. https://platform.openai.com/docs/api-reference/audio/createTranscription */
const ENDINGS = /\.(flac|mp3|mp4|mpeg|mpga|m4a|ogg|wav|webm)$/;
const MAX_BYTES = 25 * 1024 * 1024;

/** The recording in a request, or why a real server would refuse it. */
export async function readRecording(request: IncomingMessage): Promise<SentRecording | ErrorAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  const form = await new Response(Buffer.concat(chunks), { headers }).formData().catch(() => null);
  const file = form?.get("file");
  const model = form?.get("model");
  if (!(file instanceof File)) return badRequest("'file' is missing");
  if (typeof model !== "string" || model === "") return badRequest("you must provide a model parameter");
  if (!ENDINGS.test(file.name)) return badRequest("Invalid file format.");
  if (file.size > MAX_BYTES) return { ...badRequest("Maximum content size limit exceeded"), status: 413 };
  return { name: file.name, type: file.type, bytes: Buffer.from(await file.arrayBuffer()), model };
}
