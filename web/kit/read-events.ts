/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
export interface SentEvent {
  /** What to go on after. */
  id: string;
  event: string;
  data: Record<string, unknown>;
}

/** Takes a stream of events apart, however its pieces are cut. */
export class EventParser {
  #rest = "";

  push(piece: string): SentEvent[] {
    const frames = (this.#rest + piece).replaceAll("\r\n", "\n").split("\n\n");
    this.#rest = frames.pop() ?? "";
    return frames.map(readFrame).filter((event) => event !== null);
  }
}

/** Null = a comment, a setting, or what is no event of ours. */
function readFrame(frame: string): SentEvent | null {
  let id = "";
  let event = "message";
  const data: string[] = [];
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const field = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
  if (data.length === 0) return null;
  try {
    return { id, event, data: JSON.parse(data.join("\n")) as Record<string, unknown> };
  } catch {
    return null;
  }
}
