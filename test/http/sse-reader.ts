import { readSse } from "../../src/cli/read-sse.ts";
import { KEY } from "./start-http.ts";

/** An event as a reader gets it. */
export interface ReadEvent {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

export interface Reader {
  readonly events: ReadEvent[];
  /** Resolves when the stream is over, by whichever side. */
  readonly over: Promise<void>;
  leave(): void;
}

/** Follows a session over a real socket. Rejects with the status when the gateway refuses. */
export async function openReader(
  url: string,
  session: string,
  options: { after?: string; user?: string; key?: string } = {},
): Promise<Reader> {
  const end = new AbortController();
  const response = await fetch(`${url}/v1/sessions/${session}/events`, {
    headers: {
      authorization: `Bearer ${options.key ?? KEY}`,
      ...(options.key === undefined ? { "parley-user": options.user ?? "ann" } : {}),
      ...(options.after === undefined ? {} : { "last-event-id": options.after }),
    },
    signal: end.signal,
  });
  if (!response.ok || !response.body) throw new Error(`refused with ${response.status}`);
  const events: ReadEvent[] = [];
  const read = async (): Promise<void> => {
    for await (const { id, event, data } of readSse(response.body!)) {
      events.push({ id, event, data: JSON.parse(data) as Record<string, unknown> });
    }
  };
  return { events, over: read().catch(() => undefined), leave: () => end.abort() };
}

/** What happened, without cursors and times. */
export function outline(events: readonly ReadEvent[]): string[] {
  return events.map(({ event, data }) => {
    const { text, tool, role } = data as { text?: string; tool?: string; role?: string };
    return [event, role, tool, text].filter((word) => word !== undefined).join(" ");
  });
}
