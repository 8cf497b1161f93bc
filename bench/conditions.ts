import { epochNow } from "../test/fakes/model/journal.ts";
import { type FakeTelegram, startFakeTelegram } from "../test/fakes/telegram/fake-telegram.ts";
import type { Limits } from "../test/fakes/telegram/limits.ts";
import type { ModelPace } from "./model-messages.ts";

/** Short answers of 10 chunks, whose first one is long enough to be shown at once by any rule. */
export const QUIET: ModelPace = { chars: 320, chunkChars: 32, ttftMs: 50, chunkEveryMs: 20 };
/** 200 ms to the first of 100 chunks, 20 ms between two: 2.2 s. */
export const BURST: ModelPace = { chars: 400, chunkChars: 4, ttftMs: 200, chunkEveryMs: 20 };
export const BURST_CHATS = 50;

/** A Telegram that is never the bottleneck. Its times are comparable to the model's. */
export function openTelegram(limits: Partial<Limits> | "off" = "off"): Promise<FakeTelegram> {
  return startFakeTelegram({ limits, journal: "light", now: epochNow });
}
