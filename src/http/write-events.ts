import type { ServerResponse } from "node:http";
import type { HttpLimits } from "./http-limits.ts";

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface SentEvent {
  id: string;
  event: string;
  data: object;
}

/** How long a client waits before it comes again, in ms. */
const RETRY_MS = 1_000;
const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // Kept open, it would hold up the server's close.
  connection: "close",
  // nginx would collect events otherwise.
  "x-accel-buffering": "no",
};

/**
 * Answers with events until `events` ends, `signal` aborts (it has to when the reader goes), or the reader takes
 * nothing in for `readerMs`. The next event is taken only when the socket has room, so a reader that never reads holds
 * nothing but what is in its socket. Rejects with what `events` rejects with; the response is over in any case.
 */
export async function writeEvents(
  response: ServerResponse,
  events: AsyncIterable<SentEvent>,
  limits: Pick<HttpLimits, "heartbeatMs" | "readerMs">,
  signal: AbortSignal,
): Promise<void> {
  return writeFrames(response, framesOf(events), limits, signal);
}

async function* framesOf(events: AsyncIterable<SentEvent>): AsyncIterable<string> {
  yield `retry: ${RETRY_MS}\n\n`;
  for await (const event of events) yield frame(event);
}

/** The same for events that are written out already. */
export async function writeFrames(
  response: ServerResponse,
  frames: AsyncIterable<string>,
  limits: Pick<HttpLimits, "heartbeatMs" | "readerMs">,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, HEADERS);
  response.flushHeaders();
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(":\n\n");
  }, limits.heartbeatMs);
  try {
    for await (const written of frames) {
      response.write(written);
      if (response.writableNeedDrain && !(await drained(response, limits.readerMs, signal))) break;
    }
  } finally {
    clearInterval(heartbeat);
    // What could not be written in time is not waited for any longer.
    if (response.writableNeedDrain) response.destroy();
    else response.end();
  }
}

function frame({ id, event, data }: SentEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** False = the reader is gone, did not read in time, or the stream is to end. */
function drained(response: ServerResponse, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  if (response.destroyed || signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(late);
      response.off("drain", settle);
      signal.removeEventListener("abort", settle);
      resolve(!response.writableNeedDrain && !signal.aborted);
    };
    const late = setTimeout(settle, timeoutMs);
    response.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}
