import type { ServerResponse } from "node:http";
import type { StreamPlan } from "./frames.ts";
import { epochNow, type Exchange } from "./journal.ts";
import type { TimerWheel } from "./timer-wheel.ts";

export interface Pace {
  ttftMs: number;
  chunkEveryMs: number;
}

const COMMENT_EVERY_MS = 20;
/** A reset throws away what the client has not read yet, so it is given this long. */
const READ_MS = 20;

/** Sends a planned stream at its pace. Late wake-ups catch up; a client that went away ends it. */
export function playStream(
  plan: StreamPlan,
  pace: Pace,
  exchange: Exchange,
  response: ServerResponse,
  wheel: TimerWheel,
): void {
  const { frames, end } = plan;
  let next = 0;
  let dueAt = performance.now() + pace.ttftMs;
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  response.flushHeaders();
  wheel.at(dueAt, step);

  function step(): void {
    if (exchange.closedBy !== null) return;
    const batch: Buffer[] = [];
    const now = performance.now();
    while (next < frames.length && dueAt <= now) {
      const frame = frames[next++];
      if (!frame) break;
      batch.push(frame.bytes);
      exchange.sentChars = frame.chars;
      // The first piece of content comes with the frames before it; each later one waits its turn.
      if (frame.waits && frames[next]?.waits) dueAt += pace.chunkEveryMs;
    }
    send(batch);
    if (next < frames.length) wheel.at(dueAt, step);
    else finish();
  }

  function send(batch: Buffer[]): void {
    if (batch.length === 0) return;
    response.write(batch.length === 1 ? batch[0] : Buffer.concat(batch));
    exchange.lastChunkAt = epochNow();
    exchange.firstChunkAt ??= exchange.lastChunkAt;
  }

  function finish(): void {
    switch (end) {
      case "end":
        exchange.close("server");
        response.end();
        return;
      case "reset":
        wheel.at(performance.now() + READ_MS, reset);
        return;
      case "stall":
        return;
      case "stall-comments":
        comment();
        return;
      default:
        end satisfies never;
    }
  }

  function reset(): void {
    exchange.close("server");
    response.socket?.resetAndDestroy();
  }

  function comment(): void {
    if (exchange.closedBy !== null) return;
    response.write(": keep-alive\n\n");
    wheel.at(performance.now() + COMMENT_EVERY_MS, comment);
  }
}
