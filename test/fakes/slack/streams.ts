import type { FakeMessage, Json } from "./channels.ts";

export interface StreamTask {
  id: string;
  title: string;
  status: string;
  details: string;
}

interface Stream {
  text: string;
  tasks: Map<string, StreamTask>;
  openedAt: number;
  state: "in_progress" | "completed" | "stopped_by_user";
}

/** A stream ends by itself "after about five minutes, even while it is appended to": python-slack-sdk#1859. */
export const STREAM_LIFE_MS = 300_000;

const STREAMS = new WeakMap<FakeMessage, Stream>();

export function openStream(message: FakeMessage, now: number, given: { text: string; tasks: StreamTask[] }): void {
  const tasks = new Map(given.tasks.map((task) => [task.id, task]));
  STREAMS.set(message, { text: given.text, tasks, openedAt: now, state: "in_progress" });
  tell(message, "in_progress");
}

export function streamOf(message: FakeMessage): Stream | undefined {
  return STREAMS.get(message);
}

export function isStreaming(message: FakeMessage, now: number): boolean {
  const stream = STREAMS.get(message);
  return stream?.state === "in_progress" && now - stream.openedAt < STREAM_LIFE_MS;
}

export function endStream(message: FakeMessage, state: "completed" | "stopped_by_user"): void {
  Object.assign(STREAMS.get(message)!, { state });
  tell(message, "completed");
}

/** As the Web API and events have it. */
function tell({ extra }: FakeMessage, state: string): void {
  Object.assign(extra satisfies Json, { streaming_state: state });
}
