import { request } from "undici";
import { ADMIN_KEY } from "../gateway-process.ts";

export interface ReadEvent {
  id: string;
  event: string;
  data: Record<string, any>;
  /** Epoch ms of its arrival here. */
  at: number;
}

export interface EventReaderOptions {
  session: string;
  user: string;
  /** Where the n-th connection goes, from 0. */
  url: (connection: number) => string;
  /** Cuts the connection after every `cutEvery` events, `cuts` times. */
  cuts?: number;
  cutEvery?: number;
}

/**
 * A reader of a session's events over HTTP, as a browser's EventSource: when its connection ends, it comes again with
 * the id of the last event it has.
 */
export class EventReader {
  readonly events: ReadEvent[] = [];
  connections = 0;
  readonly #options: EventReaderOptions;
  readonly #end = new AbortController();
  readonly #reading: Promise<void>;

  constructor(options: EventReaderOptions) {
    this.#options = options;
    this.#reading = this.#read();
  }

  named(event: string): ReadEvent[] {
    return this.events.filter((each) => each.event === event);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#connect(this.connections++).catch(() => undefined);
      if (!this.#end.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #connect(connection: number): Promise<void> {
    const { session, user, url, cuts = 0, cutEvery = 2 } = this.#options;
    const cut = new AbortController();
    const last = this.events.at(-1)?.id;
    const answer = await request(`${url(connection)}/v1/sessions/${session}/events`, {
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        "parley-user": user,
        ...(last === undefined ? {} : { "last-event-id": last }),
      },
      signal: AbortSignal.any([this.#end.signal, cut.signal]),
    });
    let text = "";
    let count = 0;
    for await (const chunk of answer.body.setEncoding("utf8")) {
      text += chunk as string;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = parse(text.slice(0, end));
        text = text.slice(end + 2);
        if (event === null) continue;
        this.events.push(event);
        count += 1;
        if (connection < cuts && count === cutEvery) return cut.abort();
      }
    }
  }
}

function parse(frame: string): ReadEvent | null {
  const fields = new Map(
    frame.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
  );
  const [id, event, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
  if (id === undefined || event === undefined || data === undefined) return null;
  return { id, event, data: JSON.parse(data) as ReadEvent["data"], at: Date.now() };
}
