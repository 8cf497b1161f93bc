import { setTimeout as sleep } from "node:timers/promises";
import { type Media, SNIFF_BYTES, sniffMedia } from "../agent/sniff-media.ts";
import type { FilePart } from "../agent/message.ts";
import { errorCode } from "../errors.ts";
import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import type { FileFault } from "../texts/texts.ts";

/** Of one file, and of all files of a turn. */
export const MAX_FILE_BYTES = 20_000_000;
export const MAX_TURN_BYTES = 40_000_000;
/** OpenAI takes 50 MB of images in a request, others 5 to 20 (facts: https://platform.openai.com/docs/guides/images). */
export const MAX_IMAGE_BYTES = 10_000_000;
const FETCH_MS = 30_000;
const TRIES = 2;
const AGAIN_MS = 500;

/** Where files come from. */
export type Source = Pick<NonNullable<PlatformAdapter["files"]>, "maxFetchBytes" | "fetch">;

export type Fetched = { bytes: Buffer; media: Media } | { fault: FileFault };

/**
 * Reads a file from its platform, as it comes: it is left as soon as it is known to be too large, or of a kind that
 * nobody can read. `budget`: what the turn may still take in. Never throws; ends soon after the abort.
 */
export async function fetchFile(
  files: Source,
  part: FilePart,
  budget: { left: number },
  signal: AbortSignal,
): Promise<Fetched> {
  if (part.kind === "video") return { fault: "unsupported" };
  const { ref } = part;
  if (ref === undefined) return { fault: "elsewhere" };
  const limit = Math.min(MAX_FILE_BYTES, files.maxFetchBytes);
  if ((part.size ?? 0) > Math.min(limit, budget.left)) return { fault: "too_large" };
  if (signal.aborted) return { fault: "unreachable" };
  for (let tries = 1; ; tries++) {
    const late = AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)]);
    try {
      return await readOnce(files, { ...part, ref }, budget, limit, late);
    } catch (error) {
      const code = errorCode(error);
      if (code === "too_large") return { fault: "too_large" };
      if (code !== "unavailable" || tries === TRIES || late.aborted) return { fault: "unreachable" };
      await sleep(AGAIN_MS, null, { signal }).catch(() => undefined);
    }
  }
}

async function readOnce(
  files: Source,
  part: FilePart & { ref: string },
  budget: { left: number },
  limit: number,
  signal: AbortSignal,
): Promise<Fetched> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let media: Media | null = null;
  const opened = files.fetch(part.ref, signal);
  const stream = (await orAborted(opened, signal))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await orAborted(stream.next(), signal);
      if (!done) {
        size += value.length;
        budget.left -= value.length;
        chunks.push(value);
      }
      if (!media && (done || size >= SNIFF_BYTES)) {
        media = sniffMedia(Buffer.concat(chunks), part);
        if (media.reads === "nothing") return giveBack("unsupported");
      }
      if (size > (media?.reads === "image" ? MAX_IMAGE_BYTES : limit) || budget.left < 0) return giveBack("too_large");
      if (done && media) return { bytes: Buffer.concat(chunks), media };
    }
  } catch (error) {
    budget.left += size;
    throw error;
  } finally {
    // Closes the connection of a file that has more; nobody waits for it.
    stream.return?.().catch(() => {});
  }

  function giveBack(fault: FileFault): Fetched {
    budget.left += size;
    return { fault };
  }
}

/** An adapter that does not notice the abort must not keep its run. What it rejects with later is heard all the same. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
