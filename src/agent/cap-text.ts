/** DESIGN's bound for what a model reads of one tool result, in UTF-8 bytes. */
export const TOOL_TEXT_LIMIT = 30_000;

const HEAD_SHARE = 2 / 3;
/** Room for the sentence in the middle, whatever number it holds. */
const NOTE_BYTES = 60;

/**
 * Text that is safe to store and to send: no NUL (Postgres refuses it), no lone surrogate, and at most `limit` UTF-8
 * bytes, of which the first two thirds and the end are kept and the middle is cut out. Idempotent.
 */
export function capText(text: string, limit: number = TOOL_TEXT_LIMIT): string {
  const clean = text.replaceAll("\0", "").toWellFormed();
  // A string has at most as many UTF-16 units as bytes, so that a huge one is never encoded as a whole.
  if (clean.length <= limit && Buffer.byteLength(clean) <= limit) return clean;
  const room = Math.max(0, limit - NOTE_BYTES);
  const head = firstBytes(clean.slice(0, room), Math.floor(room * HEAD_SHARE));
  const tail = lastBytes(clean.slice(-room), room - Math.floor(room * HEAD_SHARE));
  const cut = clean.length - head.length - tail.length;
  return `${head}\n[… ${cut} characters cut out …]\n${tail}`;
}

function firstBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text.toWellFormed());
  let end = Math.min(bytes, buffer.length);
  while (end > 0 && isContinuation(buffer[end])) end -= 1;
  return buffer.toString("utf8", 0, end);
}

function lastBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text.toWellFormed());
  let start = Math.max(0, buffer.length - bytes);
  while (start < buffer.length && isContinuation(buffer[start])) start += 1;
  return buffer.toString("utf8", start);
}

/** True in the middle of a character: cutting there would make half of one. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
