import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../src/agent/message.ts";
import { card } from "../agent/run-it.ts";
import { type Cut, CutSession, type Turn } from "../support/fire/cut-session.ts";
import { quirkyModel, type Reply } from "../support/fire/quirky-model.ts";
import { anyReply, oddTools } from "../support/fire/odd-replies.ts";
import { storedFaults } from "../support/provider-rules.ts";

const SEED = 20_261_128;
const SESSIONS = 3_800;

const cut: fc.Arbitrary<Cut> = fc.record({
  after: fc.integer({ min: 1, max: 10 }),
  how: fc.constantFrom("crash", "crash", "hand over", "stop", "interrupt", "timeout"),
  late: fc.boolean(),
});
const turn: fc.Arbitrary<Turn> = fc.record({
  said: fc.array(fc.constantFrom("one", "two", " ", "\0"), { minLength: 1, maxLength: 2 }),
  steered: fc.array(fc.constantFrom("and three", "and four", ""), { maxLength: 2 }),
  cuts: fc.array(cut, { minLength: 1, maxLength: 5 }),
  flushEvery: fc.integer({ min: 1, max: 6 }),
  stoppedAtMerge: fc.nat(9).map((chance) => chance === 0),
  window: fc.integer({ min: 1, max: 30 }),
  tokens: fc.constantFrom(128_000, 128_000, 20_000, 400, 100),
  sums: fc.constantFrom("well", "well", "badly", "never"),
});
const said = (role: Message["role"], words: string): Message => ({
  role,
  parts: [{ type: "text", text: words }],
  status: "complete",
});
const seed = fc.constantFrom(
  [],
  [said("user", "example"), said("assistant", "like this")],
  [said("assistant", "Hello.")],
  [said("user", "Remember this.")],
);
const life = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  replies: fc.array(anyReply, { minLength: 2, maxLength: 20 }),
  maxSteps: fc.integer({ min: 1, max: 6 }),
  parallel: fc.boolean(),
  seed,
});

test("10,000 cuts, crashes and stops leave histories that every provider takes", { timeout: 300_000 }, async () => {
  let cuts = 0;
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(life, async ({ turns, replies, maxSteps, parallel, seed: example }) => {
      const script = [...replies];
      const calls: string[] = [];
      const done: Reply = { texts: ["Done."], calls: [], finish: "stop", indices: "own", split: false, refuses: null };
      const model = quirkyModel(() => script.shift() ?? done);
      const session = new CutSession({
        card: { ...card, maxSteps, seed: example, sampling: { parallelToolCalls: parallel } },
        model,
        tools: oddTools(calls),
      });
      for (const each of turns) {
        const before = calls.length;
        await session.take(each);
        const made = calls.slice(before);
        expect(new Set(made).size, "a call that may not be repeated was made twice").toBe(made.length);
      }
      // Whatever was given back is taken by a turn that nobody cuts.
      await session.take({
        said: ["last"],
        steered: [],
        cuts: [],
        flushEvery: 1,
        stoppedAtMerge: false,
        window: 100,
        tokens: 500,
        sums: "well",
      });
      cuts += session.cuts;
      sent += model.sent;

      expect(model.refused).toEqual([]);
      expect(storedFaults(session.rows, session.states)).toEqual([]);
      expect(session.rows.filter(({ role }) => role === "user").map((row) => row.message_id)).toEqual(session.said);
      const known = new Set(session.rows.flatMap(({ parts }) => parts.flatMap((part) => part.callId ?? [])));
      expect(
        calls.filter((id) => !known.has(id)),
        "calls with effects that the history does not know",
      ).toEqual([]);
    }),
    { seed: SEED, numRuns: SESSIONS },
  );

  expect(cuts).toBeGreaterThan(10_000);
});
