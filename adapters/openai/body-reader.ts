import type { Readable } from "node:stream";

/** A response body as it comes. Its owner ends it by `destroy` or `release`. */
export class BodyReader {
  readonly #body: Readable;
  #wake: (() => void) | null = null;
  #ended = false;
  #error: Error | null = null;

  constructor(body: Readable) {
    this.#body = body;
    const wake = () => {
      this.#wake?.();
      this.#wake = null;
    };
    body.on("readable", wake);
    body.once("end", () => {
      this.#ended = true;
      wake();
    });
    // Stays for good: a body that is destroyed before its end reports that as an error.
    body.on("error", (error: Error) => {
      this.#error ??= error;
      wake();
    });
    body.once("close", () => {
      if (!this.#ended) this.#error ??= new Error("connection closed");
      wake();
    });
  }

  /** All bytes that came since the last read, waiting for some; null at the end. One reader at a time. */
  async read(): Promise<Buffer | null> {
    for (;;) {
      const bytes = this.#body.read() as Buffer | null;
      if (bytes !== null) return bytes;
      if (this.#error) throw this.#error;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Closes the connection. */
  destroy(): void {
    this.#body.destroy();
  }

  /** After the last event: reads what is left, so that the connection can serve again, else closes it after `ms`. */
  async release(ms: number): Promise<void> {
    const timer = setTimeout(() => this.destroy(), ms);
    try {
      while ((await this.read()) !== null);
    } catch {
      // Nothing that happens to it now matters to anyone.
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The text of a body, which is closed after `maxBytes`. */
export async function readText(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let left = maxBytes;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Some providers answer a streaming request with one JSON object: here it becomes the stream's only event. */
export class JsonBodyReader extends BodyReader {
  #done = false;

  override async read(): Promise<Buffer | null> {
    if (this.#done) return null;
    const chunks: Buffer[] = [];
    let size = 0;
    for (let chunk = await super.read(); chunk !== null; chunk = await super.read()) {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= JSON_ANSWER_BYTES) continue;
      this.destroy();
      throw new Error("answer too long");
    }
    this.#done = true;
    // Inside JSON, line ends are white space.
    const text = Buffer.concat(chunks)
      .toString("utf8")
      .replace(/[\r\n]+/g, " ");
    return Buffer.from(`data: ${text}\n\n`);
  }
}

const JSON_ANSWER_BYTES = 8 * 1024 * 1024;
