import { Worker } from "node:worker_threads";
import type { DocumentReader, DocumentText } from "../../src/agent/document-reader.ts";

export interface DocumentReaderOptions {
  deadlineMs?: number;
  /** By how much the process may grow meanwhile: what a worker unpacks is outside of its own heap's limit. */
  growthBytes?: number;
}

const DEADLINE_MS = 20_000;
const GROWTH_BYTES = 400_000_000;
const HEAP_MB = 256;
const LOOK_MS = 50;

/** Each document is read in a thread of its own, which is ended when it takes too long or too much. */
export function createDocumentReader(options: DocumentReaderOptions = {}): DocumentReader {
  const { deadlineMs = DEADLINE_MS, growthBytes = GROWTH_BYTES } = options;
  return { read: (bytes, signal) => readInThread(bytes, signal, deadlineMs, growthBytes) };
}

async function readInThread(
  bytes: Uint8Array,
  signal: AbortSignal,
  deadlineMs: number,
  growthBytes: number,
): Promise<DocumentText> {
  const ended = Promise.withResolvers<DocumentText>();
  const before = process.memoryUsage.rss();
  const worker = new Worker(new URL("./document-worker.ts", import.meta.url), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    execArgv: ["--no-warnings"],
    env: {},
    stdout: true,
    stderr: true,
  });
  worker.once("message", (found: DocumentText) => ended.resolve(found));
  worker.once("error", (error: Error & { code?: string }) => {
    ended.resolve({ fault: error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "too_large" : "damaged" });
  });
  worker.once("exit", () => ended.resolve({ fault: "damaged" }));
  const late = setTimeout(() => ended.resolve({ fault: "too_slow" }), deadlineMs);
  const looks = setInterval(() => {
    if (process.memoryUsage.rss() - before > growthBytes) ended.resolve({ fault: "too_large" });
  }, LOOK_MS);
  const onAbort = () => ended.resolve({ fault: "too_slow" });
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await ended.promise;
  } finally {
    clearTimeout(late);
    clearInterval(looks);
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}
