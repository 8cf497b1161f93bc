import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../errors.ts";
import type { OutboxId } from "../ids.ts";
import type { PlatformAdapter, SentMessage } from "../platform/platform-adapter.ts";
import type { ReplyTarget } from "../platform/reply-target.ts";

/** Before each look. A post is absent only if it is missed twice: the first look may come before it is to be seen. */
const PAUSES_MS = [0, 1_000, 2_000];
const LOOK_MS = 3_000;
const MAX_PAUSE_MS = 5_000;

/**
 * What became of a post whose answer was lost: its message, certainly nothing, or (null) nobody can know. `growing`: see
 * `marks`.
 */
export async function findPost(
  adapter: PlatformAdapter,
  to: ReplyTarget,
  mark: OutboxId,
  growing = false,
): Promise<SentMessage | "absent" | null> {
  const { marks } = adapter;
  if (!marks) return null;
  let missed = 0;
  let wishedMs = 0;
  for (const pauseMs of PAUSES_MS) {
    if (wishedMs > MAX_PAUSE_MS) return null;
    await sleep(Math.max(pauseMs, wishedMs));
    try {
      const found = await Promise.race([marks.find(to, mark, growing), sleep(LOOK_MS, undefined, { ref: false })]);
      if (found) return found;
      if (found === null) missed += 1;
    } catch (error) {
      wishedMs = error instanceof GatewayError ? (error.retryAfterMs ?? 0) : 0;
    }
    if (missed === 2) return "absent";
  }
  return null;
}
