import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BudgetShares } from "../../src/delivery/budget-shares.ts";
import { accountId } from "../../src/ids.ts";
import type { ReplicaLoad } from "../../src/store/replicas.ts";

const account = accountId("telegram", "1");
const load = (answers: number): ReplicaLoad => ({ [account]: { answers } });

/** Replicas that renew one after another, again and again, as they do every two seconds. */
function hearAll(shares: BudgetShares[], rounds: number[][], look: () => void): void {
  const told = shares.map(() => load(0));
  for (const answers of [shares.map(() => 0), ...rounds]) {
    for (const [at, share] of shares.entries()) {
      told[at] = load(answers[at] ?? 0);
      share.heard(told[at], told.toSpliced(at, 1));
      look();
    }
  }
}

describe("the shares of an account", () => {
  it("never add up to more than the whole, however the answers come and go on each replica", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.array(fc.array(fc.nat(100), { minLength: 5 })),
        (count, rounds) => {
          const shares = Array.from({ length: count }, () => new BudgetShares());
          let heard = 0;
          hearAll(shares, rounds, () => {
            heard += 1;
            if (heard < count) return;
            const sum = shares.reduce((all, share) => all + share.ofAccount(account), 0);
            expect(sum).toBeLessThanOrEqual(1 + 1e-9);
          });
        },
      ),
    );
  });

  it("are the parts of the answers, but for a small part that everybody has alike", () => {
    const shares = [new BudgetShares(), new BudgetShares()];
    hearAll(
      shares,
      [1, 2, 3].map(() => [30, 10]),
      () => undefined,
    );
    expect(shares.map((share) => share.ofAccount(account))).toEqual([expect.closeTo(0.7), expect.closeTo(0.3)]);
    hearAll(
      shares,
      [1, 2, 3].map(() => [5, 0]),
      () => undefined,
    );
    expect(shares.map((share) => share.ofAccount(account))).toEqual([expect.closeTo(0.9), expect.closeTo(0.1)]);
  });

  it("are the whole for the only replica, and for the only one that serves the account", () => {
    const alone = new BudgetShares();
    expect(alone.ofAccount(account)).toBe(1);
    alone.heard(load(0), []);
    expect(alone.ofAccount(account)).toBe(1);
    alone.heard(load(0), [{ [accountId("slack", "T1")]: { answers: 9 } }]);
    expect(alone.ofAccount(account)).toBe(1);
  });

  it("are small for one that begins beside others, and half for one beside another that has said nothing yet", () => {
    const [beginner, twin] = [new BudgetShares(), new BudgetShares()];
    beginner.heard({}, [load(50)]);
    expect(beginner.ofAccount(account)).toBeCloseTo(0.1);
    twin.heard({}, [{}]);
    expect(twin.ofAccount(account)).toBe(0.5);
  });

  it("are of a chat only divided by those who answer there", () => {
    const shares = new BudgetShares();
    const group = (answers: number): ReplicaLoad => ({ [account]: { answers: 9, shared: { "-7": answers } } });
    shares.heard(group(1), [load(50), {}]);
    expect(shares.ofChat(account, "-7")).toBe(1);
    shares.heard(group(1), [group(3), {}]);
    expect(shares.ofChat(account, "-7")).toBeCloseTo(0.3);
    expect(shares.ofChat(account, "-8")).toBe(1);
  });
});
