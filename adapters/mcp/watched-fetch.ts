import { AsyncLocalStorage } from "node:async_hooks";

/** Of one answer, in bytes: what the model reads of it is far less. */
const MAX_ANSWER = 10_000_000;
/** What was read before the end of an answer has long been understood then. */
const ENDED_MS = 1_000;
/** The SDK asks for the rest of an answer whose events have ids, twice and soon. */
const RESUMED_MS = 10_000;

/** A call that waits for the body of its answer. */
interface WaitingCall {
  lost: (afterMs: number) => void;
}

const calls = new AsyncLocalStorage<WaitingCall>();

/**
 * Does what `work` does, but rejects with `lost()` when the answer to a request it makes by `watchedFetch` ends before
 * the result is there: the SDK would wait for it until its time is over.
 */
export async function watchAnswer<T>(work: (signal: AbortSignal) => Promise<T>, lost: () => Error): Promise<T> {
  const gone = Promise.withResolvers<never>();
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  const call: WaitingCall = {
    lost(afterMs) {
      timer ??= setTimeout(() => {
        gone.reject(lost());
        giveUp.abort();
      }, afterMs);
    },
  };
  try {
    return await Promise.race([calls.run(call, () => work(giveUp.signal)), gone.promise]);
  } finally {
    if (timer) clearTimeout(timer);
  }
}

/**
 * For the transport, which reads an answer whole: no answer is larger than 10 MB. The stream that a GET opens is no
 * answer and may go on for days.
 */
export async function watchedFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (init?.method !== "POST" || !response.body) return response;
  const { status, statusText, headers } = response;
  return new Response(watched(response.body, calls.getStore()), { status, statusText, headers });
}

function watched(body: ReadableStream<Uint8Array>, call: WaitingCall | undefined): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let left = MAX_ANSWER;
  let hasIds = false;
  const end = () => call?.lost(hasIds ? RESUMED_MS : ENDED_MS);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          end();
          return controller.close();
        }
        left -= value.byteLength;
        if (left < 0) throw new Error("The answer is too large.");
        hasIds ||= call !== undefined && /^id:/m.test(decoder.decode(value));
        controller.enqueue(value);
      } catch (error) {
        end();
        controller.error(error);
        await reader.cancel().catch(() => undefined);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
