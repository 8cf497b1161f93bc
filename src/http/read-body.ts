import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";

/**
 * The bytes of a request's body, at most `maxBytes`; of a larger one no more than that is kept. Rejects `too_large`,
 * or `cancelled` when the connection broke. How long it may take is the server's affair.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks, size)));
    const onBroken = (): void => settle(() => reject(new GatewayError("cancelled", "The body did not come whole.")));
    const settle = (done: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken);
      // The rest flows into nothing: a paused connection could not bring its next request.
      request.resume();
      done();
    };
    request.on("data", onData).once("end", onEnd).once("error", onBroken).once("close", onBroken);
    if (request.destroyed) onBroken();
  });
}

function tooLarge(): GatewayError {
  return new GatewayError("too_large", "The body is too large.");
}
