import { SERVER, type RefusalRow } from "./refusal-row.ts";

function upload(bytes: Buffer): File {
  return new File([new Uint8Array(bytes)], "a.bin");
}

function row(
  rule: string,
  source: string,
  fields: Pick<RefusalRow, "method" | "payload" | "description"> & Partial<RefusalRow>,
): RefusalRow {
  return { code: 400, ...fields, rule, source };
}

/** A PNG of these sides, as far as its header. */
function png(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.write("\u0089PNG", "latin1");
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

/** Files and drafts. Whatever holds a `File` goes as a form. */
export const FILE_REFUSALS: readonly RefusalRow[] = [
  row("an unknown file", `${SERVER} get_remote_file`, {
    method: "getFile",
    payload: { file_id: "nothing" },
    description: "Bad Request: invalid file_id",
  }),
  row("a file over 20 MB", `${SERVER} check_file_size (MAX_DOWNLOAD_FILE_SIZE)`, {
    method: "getFile",
    payload: ({ fake }) => ({ file_id: fake.bots[0]!.files.add({ kind: "video", size: 21_000_000 }).id }),
    description: "Bad Request: file is too big",
  }),
  row("a post without its file", `${SERVER} get_input_file`, {
    method: "sendDocument",
    payload: { chat_id: 1 },
    description: "Bad Request: there is no document in the request",
  }),
  row("an empty file", "tdlib/td, FileManager", {
    method: "sendDocument",
    payload: { chat_id: 1, document: upload(Buffer.alloc(0)) },
    description: "Bad Request: file must be non-empty",
  }),
  row("a file over 50 MB", "Bot API sendDocument", {
    method: "sendDocument",
    payload: () => ({ chat_id: 1, document: upload(Buffer.alloc(50 * 1024 * 1024 + 1)) }),
    code: 413,
    description: "Request Entity Too Large",
  }),
  row("a photo over 10 MB", "Bot API sendPhoto; tdlib/td, FileLoaderUtils (shortened)", {
    method: "sendPhoto",
    payload: () => ({ chat_id: 1, photo: upload(Buffer.alloc(10 * 1024 * 1024 + 1)) }),
    description: "Bad Request: file is too big for a photo",
  }),
  row("a photo that is none", "Telegram's error IMAGE_PROCESS_FAILED", {
    method: "sendPhoto",
    payload: { chat_id: 1, photo: upload(Buffer.from("text")) },
    description: "Bad Request: IMAGE_PROCESS_FAILED",
  }),
  row("a photo of a shape beyond 20 to 1", "Bot API sendPhoto", {
    method: "sendPhoto",
    payload: { chat_id: 1, photo: upload(png(2100, 100)) },
    description: "Bad Request: PHOTO_INVALID_DIMENSIONS",
  }),
  row("an edit of a file's text", `${SERVER} process_edit_message_text_query`, {
    method: "editMessageText",
    payload: ({ chat, fake }) => {
      const file = fake.bots[0]!.files.add({ kind: "document" });
      return { chat_id: 1, message_id: chat.post({ author: "bot", at: 0, text: "", file }).messageId, text: "x" };
    },
    description: "Bad Request: there is no text in the message to edit",
  }),
  row("a draft without a number", "Bot API sendMessageDraft", {
    method: "sendMessageDraft",
    payload: { chat_id: 1, draft_id: 0, text: "x" },
    description: "Bad Request: draft identifier must be non-zero",
  }),
  row("a draft in a group", "Bot API sendMessageDraft", {
    method: "sendMessageDraft",
    payload: { chat_id: -5, draft_id: 1, text: "x" },
    description: "Bad Request: message drafts can be sent only to private chats",
  }),
  row("a draft of 4097 characters", "Bot API sendMessageDraft", {
    method: "sendMessageDraft",
    payload: { chat_id: 1, draft_id: 1, text: "x".repeat(4097) },
    description: "Bad Request: message is too long",
  }),
];
