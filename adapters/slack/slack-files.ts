import { GatewayError } from "../../src/errors.ts";
import type { OutgoingFile, SentMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { isThere } from "./read-slack-files.ts";
import type { SlackApi } from "./slack-api.ts";
import type { SlackDownloads } from "./slack-download.ts";
import { FILE_ID, readChannel, readThread } from "./slack-ids.ts";
import { asObject } from "./slack-json.ts";

/** Slack takes up to 1 GB; this much is held in memory. */
export const SLACK_SEND_LIMIT = 50 * 1024 * 1024;

/** Reads a file that came with a message. The message's own word of it may be a stub (Slack Connect), so Slack is asked. */
export async function fetchSlackFile(
  { api, downloads }: { api: SlackApi; downloads: SlackDownloads },
  ref: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (!FILE_ID.test(ref)) throw gone();
  const { file } = await api.call("files.info", { file: ref }, signal);
  const address = file?.url_private_download ?? file?.url_private;
  if (!file || address === undefined || !isThere(asObject(file) ?? {})) throw gone();
  return downloads.open(address, file.mimetype ?? "", signal);
}

/**
 * Posts a file. Slack says nothing of the message that shows it. What is uploaded is seen by nobody before the last
 * call, so whatever fails before that was not delivered.
 */
export async function sendSlackFile(
  { api, downloads }: { api: SlackApi; downloads: SlackDownloads },
  to: ReplyTarget,
  file: OutgoingFile,
): Promise<SentMessage | null> {
  const channel = readChannel(to.chat);
  const thread = readThread(to.thread);
  const length = file.bytes.length;
  if (length > SLACK_SEND_LIMIT) {
    throw new GatewayError("too_large", "The file is too large for Slack.", { delivered: "no" });
  }
  if (length === 0) throw new GatewayError("invalid", "The file is empty.", { delivered: "no" });
  const id = await undelivered(async () => {
    const { upload_url: address, file_id: made } = await api.call("files.getUploadURLExternal", {
      filename: file.name,
      length,
    });
    if (!address || !made) throw new GatewayError("unavailable", "Slack names no place for a file.");
    await downloads.upload(address, file.bytes);
    return made;
  });
  const where = { channel_id: channel, ...(thread === undefined ? {} : { thread_ts: thread }) };
  // Its type wants a thread wherever there is a channel.
  await api.call("files.completeUploadExternal", { files: [{ id, title: file.name }], ...where } as never);
  return null;
}

function gone(): GatewayError {
  return new GatewayError("not_found", "Slack does not have this file.");
}

async function undelivered<T>(work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    if (!(error instanceof GatewayError) || error.delivered === "no") throw error;
    const { code, message, cause, retryAfterMs } = error;
    throw new GatewayError(code, message, {
      cause,
      delivered: "no",
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  });
}
