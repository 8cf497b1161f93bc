/** One event of a stream. */
export interface SseEvent {
  id: string;
  event: string;
  data: string;
}

/** Characters of one event; ours are far smaller. */
const MAX_EVENT = 32 * 1024 * 1024;

/**
 * Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event that is not
 * whole when the bytes end is dropped: the stream goes on after the last whole one.
 */
export async function* readSse(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<SseEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let next: SseEvent = { id: "", event: "message", data: "" };
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length + next.data.length > MAX_EVENT) throw new Error("an event of the stream is too large");
    for (const line of lines) {
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (text !== "") {
        readField(text, next);
        continue;
      }
      if (next.data !== "") yield { ...next, data: next.data.slice(0, -1) };
      next = { id: next.id, event: "message", data: "" };
    }
  }
}

function readField(line: string, event: SseEvent): void {
  const colon = line.indexOf(":");
  const name = colon === -1 ? line : line.slice(0, colon);
  const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (name === "data") event.data += `${value}\n`;
  else if (name === "event") event.event = value;
  else if (name === "id") event.id = value;
}
