import { StringDecoder } from "node:string_decoder";

export interface SseEvent {
  /** The `event:` field; "" when there is none. */
  name: string;
  data: string;
}

/** Far above any real event; what is longer is not an event stream. */
const MAX_EVENT_CHARS = 8_000_000;

/**
 * Server-sent events out of bytes cut anywhere, as https://html.spec.whatwg.org/multipage/server-sent-events.html says,
 * with two differences: a lone CR does not end a line (no provider writes one), and an event without its blank line
 * counts at the end of the stream (some leave it out). Comments and unknown fields are skipped.
 */
export class SseReader {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  #name = "";
  #data: string | null = null;

  /** The events that these bytes complete. Throws a RangeError when an event grows out of all bounds. */
  push(bytes: Buffer): SseEvent[] {
    const events: SseEvent[] = [];
    const piece = this.#decoder.write(bytes);
    const text = this.#rest + piece;
    let start = 0;
    // A line that goes on is not searched again: looking into the joined text would copy it with every piece.
    for (let end = piece.includes("\n") ? text.indexOf("\n") : -1; end !== -1; end = text.indexOf("\n", start)) {
      this.#line(text, start, text.charCodeAt(end - 1) === CR && end > start ? end - 1 : end, events);
      start = end + 1;
    }
    this.#rest = start === 0 ? text : text.slice(start);
    if (this.#rest.length + (this.#data?.length ?? 0) > MAX_EVENT_CHARS) throw new RangeError("event too long");
    return events;
  }

  /** What the end of the stream completes. */
  end(): SseEvent[] {
    const events: SseEvent[] = [];
    const line = this.#rest + this.#decoder.end();
    this.#rest = "";
    if (line !== "") this.#line(line, 0, line.length, events);
    this.#dispatch(events);
    return events;
  }

  #line(text: string, start: number, end: number, events: SseEvent[]): void {
    if (start === end) return this.#dispatch(events);
    if (text.startsWith("data:", start)) {
      const value = text.slice(valueStart(text, start + 5), end);
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    } else if (text.startsWith("event:", start)) {
      this.#name = text.slice(valueStart(text, start + 6), end);
    }
  }

  /** As the standard says, an event without a word is none. */
  #dispatch(events: SseEvent[]): void {
    if (this.#data !== null && this.#data !== "") events.push({ name: this.#name, data: this.#data });
    this.#data = null;
    this.#name = "";
  }
}

const CR = 0x0d;

/** One space after the colon is not part of the value. */
function valueStart(text: string, at: number): number {
  return text.charCodeAt(at) === 0x20 ? at + 1 : at;
}
