import { AsyncLocalStorage } from "node:async_hooks";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

/** Of one answer, in bytes: what the model reads of it is far less. */
const MAX_ANSWER = 10_000_000;
/** What was read before the end of an answer has long been understood then. */
const ENDED_MS = 1_000;

/** Whoever waits for an answer: told when there is nothing left to read of it. */
const waiting = new AsyncLocalStorage<() => void>();

/**
 * Does what `work` does, but rejects with `lost()` when the answer to a request it makes by a WatchedTransport ends
 * before the result is there, and cannot be resumed: the SDK would wait for it until its time is over.
 */
export async function watchAnswer<T>(work: (signal: AbortSignal) => Promise<T>, lost: () => Error): Promise<T> {
  const gone = Promise.withResolvers<never>();
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  const ended = () => {
    timer ??= setTimeout(() => {
      gone.reject(lost());
      giveUp.abort();
    }, ENDED_MS);
  };
  try {
    return await Promise.race([waiting.run(ended, () => work(giveUp.signal)), gone.promise]);
  } finally {
    if (timer) clearTimeout(timer);
  }
}

/** Streamable HTTP that tells `watchAnswer` of the end of each answer, and reads none that is larger than 10 MB. */
export class WatchedTransport extends StreamableHTTPClientTransport {
  constructor(url: URL, headers: Record<string, string>) {
    super(url, { requestInit: { headers }, fetch: cappedFetch });
  }

  override send(...[message, options]: Parameters<StreamableHTTPClientTransport["send"]>): Promise<void> {
    const ended = waiting.getStore();
    return super.send(message, { ...options, ...(ended && { onRequestStreamEnd: ended }) });
  }
}

/** The stream that a GET opens is no answer and may go on for days. */
async function cappedFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (init?.method !== "POST" || !response.body) return response;
  const { status, statusText, headers } = response;
  let left = MAX_ANSWER;
  const capped = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      left -= bytes.byteLength;
      if (left < 0) controller.error(new Error("The answer is too large."));
      else controller.enqueue(bytes);
    },
  });
  return new Response(response.body.pipeThrough(capped), { status, statusText, headers });
}
