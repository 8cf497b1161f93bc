import { GatewayError } from "../errors.ts";

/**
 * What a platform sends, as it comes, of which it is left when it grows too large. Rejects `too_large`, `cancelled` after
 * the abort, and `unavailable` with the sentence given for any other end; an HTTP client's error may hold an address.
 */
export async function* cappedStream(
  body: AsyncIterable<Uint8Array>,
  limit: { bytes: number; signal: AbortSignal; broken: string },
): AsyncGenerator<Uint8Array> {
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > limit.bytes) break;
      yield chunk;
    }
  } catch {
    throw brokenOff(limit);
  }
  if (size > limit.bytes) throw new GatewayError("too_large", "The file is too large.");
}

export function brokenOff({ signal, broken }: { signal: AbortSignal; broken: string }): GatewayError {
  return signal.aborted
    ? new GatewayError("cancelled", "The file is not wanted any more.")
    : new GatewayError("unavailable", broken);
}
