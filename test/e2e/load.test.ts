import { beforeAll, describe, expect, test } from "vitest";
import type { FakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { type Person, type Scene, sceneOf, turnOf } from "../support/e2e.ts";
import { numberedWords } from "../support/numbered-words.ts";

/** A bot and a gateway for each test, since all of a bot's chats share its 30 calls a second. Telegram's limits are on. */
const TOKENS = ["a", "b", "c"].map((end, index) => `471100000${index + 1}:AAFakeTokenOnlyForTests_0123456789${end}`);
const LONG = numberedWords(100_000);
/** Telegram's, with room for a machine that stands still between calls and their arrival. */
const LIMITS = { token: { burst: 45, refillMs: 1000 / 30 } };
/** About 2.2 s of speaking. */
const PACE = { chunkChars: 5, chunkEveryMs: 44, words: 35 };

describe("on Postgres", () => {
  const scene = sceneOf({ telegram: { tokens: TOKENS, limits: LIMITS }, model: PACE });
  beforeAll(async () => {
    for (const bot of TOKENS.keys()) await scene().start({ bot });
  });

  // All at once, as on a busy day.
  test.concurrent(
    "a 100,000 character answer arrives complete and in order, as five pages and a file",
    { timeout: 60_000 },
    async () => {
      const { model, telegram } = scene();
      const ann = scene().person("Ann");
      const long = { text: LONG, chunkChars: 2_000, chunkEveryMs: 20 };
      model.script((request) => (turnOf(request) === "tell me all" ? long : undefined));
      const request = await scene().ask(ann.chat, ann.user, "tell me all");
      const words = LONG.split(/\s+/);
      const sent = () => telegram.botMessages(ann.chat).at(-1)?.file;
      await telegram.until(() => Boolean(sent()), 50_000);
      expect(request.sentText).toBe(LONG);
      expect(Buffer.from(sent()!.bytes).toString()).toBe(LONG);
      const pages = telegram.botMessages(ann.chat).slice(0, -1);
      expect(pages).toHaveLength(5);
      const shown = pages.flatMap(({ text }) => text.split(/\s+/)).slice(0, -9);
      expect(shown.length).toBeGreaterThan(2_000);
      expect(shown).toEqual(words.slice(0, shown.length));
      expect(Math.max(...pages.map(({ text }) => text.length))).toBeLessThanOrEqual(4096);
      expect(refusedTooOften(telegram, 0)).toEqual([]);
    },
  );

  test.concurrent(
    "a flood of 429 delays only the chats it hits, whose answers arrive whole all the same",
    { timeout: 40_000 },
    async () => {
      const { telegram } = scene();
      const hit = people(scene(), 5, 1);
      const spared = people(scene(), 5, 1);
      for (const { chat } of hit) telegram.fault({ kind: "429", chat, retryAfter: 2, times: 3 });
      await Promise.all(
        [...hit, ...spared].map(({ chat, user }) => scene().converse(chat, user, `hello from ${user.name}`)),
      );
      const lastCall = ({ chat }: Person) => Math.max(...callsTo(telegram, chat.id).map(({ at }) => at));
      expect(Math.max(...spared.map(lastCall))).toBeLessThan(Math.min(...hit.map(lastCall)));
      expect(hit.map(({ chat }) => callsTo(telegram, chat.id).filter(({ outcome }) => outcome === 429).length)).toEqual(
        [3, 3, 3, 3, 3],
      );
      expect(spared.flatMap(({ chat }) => callsTo(telegram, chat.id)).filter(({ outcome }) => outcome === 429)).toEqual(
        [],
      );
      expect(telegram.earlyCalls.filter(({ bot }) => bot === 1)).toEqual([]);
      expect([...hit, ...spared].map(({ chat }) => telegram.botMessages(chat).length)).toEqual(Array(10).fill(1));
    },
  );

  test.concurrent(
    "a burst of 50 chats completes: one whole answer each, none refused",
    { timeout: 40_000 },
    async () => {
      const { telegram } = scene();
      const crowd = people(scene(), 50, 2);
      const requests = await Promise.all(
        crowd.map(({ chat, user }) => scene().converse(chat, user, `hello from ${user.name}`)),
      );
      expect(crowd.map(({ chat }) => telegram.botMessages(chat).map(({ text }) => text))).toEqual(
        requests.map(({ sentText }) => [sentText]),
      );
      expect(refusedTooOften(telegram, 2)).toEqual([]);
    },
  );
});

function people(scene: Scene, count: number, bot: number): Person[] {
  return Array.from({ length: count }, (_, index) => scene.person(`${bot}.${index}`, bot));
}

/** Calls of a bot that were one too many for its limits. */
function refusedTooOften(telegram: FakeTelegram, bot: number) {
  return telegram.journal.filter((call) => call.bot === bot && call.outcome === 429);
}

function callsTo(telegram: FakeTelegram, chat: number) {
  return telegram.journal.filter((call) => call.chat === chat);
}
