import { GatewayError } from "../errors.ts";
import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import type { ReplyTarget } from "../platform/reply-target.ts";
import { readFiles } from "../store/files.ts";
import type { OutboxPage, Receipt } from "../store/outbox.ts";
import type { Db } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";

/** Posts an outbox page that is a file. Rejects like `send`. */
export async function sendFile(db: Db, adapter: PlatformAdapter, to: ReplyTarget, page: OutboxPage): Promise<Receipt> {
  const { id, session_id: session, file_id: wanted } = page;
  if (!adapter.files) return { id, kind: "failed", error: "the platform takes no files" };
  const [file] = session && wanted ? await retrying(() => readFiles(db, session, [wanted])).catch(notRead) : [];
  if (!file) return { id, kind: "failed", error: "the file is not kept any more" };
  if (file.bytes.length > adapter.files.maxSendBytes) return { id, kind: "failed", error: "the file is too large" };
  const sent = await adapter.files.send(to, file, id);
  return { id, kind: "done", messageId: sent?.messageId ?? null };
}

/** Nothing was posted yet, so that the page is not in doubt. */
function notRead(cause: unknown): never {
  throw new GatewayError("unavailable", "The file cannot be read just now.", { cause, delivered: "no" });
}
