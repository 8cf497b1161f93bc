import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BudgetShares } from "../../src/delivery/budget-shares.ts";
import { accountId } from "../../src/ids.ts";
import type { ReplicaLoad } from "../../src/store/replicas.ts";

const account = accountId("telegram", "1");
const load = (answers: number): ReplicaLoad => ({ [account]: { answers } });

const fresh = (told: ReplicaLoad) => ({ load: told, age_ms: 0 });

/** Replicas on one clock, each with what it said last, and when. */
class Replicas {
  readonly shares: BudgetShares[] = [];
  readonly #told: { load: ReplicaLoad; at: number }[] = [];
  #now = 0;

  constructor(count: number) {
    for (let begun = 0; begun < count; begun++) this.begin(0);
    // Each has heard of all others, three times.
    for (const answers of [0, 0, 0]) for (const at of this.shares.keys()) this.renew(at, answers);
  }

  begin(answers: number): void {
    this.shares.push(new BudgetShares());
    this.#told.push({ load: {}, at: this.#now });
    this.renew(this.shares.length - 1, answers);
  }

  renew(at: number, answers: number, afterMs = 2_000 / this.shares.length): void {
    this.#now += afterMs;
    this.#told[at] = { load: load(answers), at: this.#now };
    const others = this.#told.toSpliced(at, 1).map((told) => ({ load: told.load, age_ms: this.#now - told.at }));
    this.shares[at]!.heard(load(answers), others, this.#now);
  }

  get sum(): number {
    return this.shares.reduce((all, share) => all + share.ofAccount(account), 0);
  }
}

describe("the shares of an account", () => {
  it("never add up to more than the whole, however the answers come and go, and however late somebody renews", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.array(fc.tuple(fc.nat(4), fc.nat(100), fc.integer({ min: 1, max: 4_000 })), { maxLength: 60 }),
        (count, renewals) => {
          const replicas = new Replicas(count);
          for (const [at, answers, afterMs] of renewals) {
            replicas.renew(at % count, answers, afterMs);
            expect(replicas.sum).toBeLessThanOrEqual(1 + 1e-9);
          }
        },
      ),
    );
  });

  it("add up to a tenth more at most for each that begins, until all have heard of it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.tuple(fc.nat(4), fc.nat(100), fc.integer({ min: 1, max: 4_000 })), { maxLength: 30 }),
        fc.integer({ min: 1, max: 2 }),
        (count, renewals, beginners) => {
          const replicas = new Replicas(count);
          for (const [at, answers, afterMs] of renewals) replicas.renew(at % count, answers, afterMs);
          for (let begun = 0; begun < beginners; begun++) replicas.begin(0);
          for (const [at, answers, afterMs] of renewals) {
            expect(replicas.sum).toBeLessThanOrEqual(1 + 0.1 * beginners + 1e-9);
            replicas.renew(at % (count + beginners), answers, afterMs);
          }
          for (let round = 0; round < 3; round++) for (const at of replicas.shares.keys()) replicas.renew(at, 10);
          expect(replicas.shares.map((share) => share.ofAccount(account))).toEqual(
            replicas.shares.map(() => expect.closeTo(1 / replicas.shares.length)),
          );
        },
      ),
    );
  });

  it("are the parts of the answers, but for a small part that everybody has alike", () => {
    const replicas = new Replicas(2);
    const parts = (...answers: number[]) => {
      for (let round = 0; round < 3; round++) for (const [at, count] of answers.entries()) replicas.renew(at, count);
      return replicas.shares.map((share) => share.ofAccount(account));
    };
    expect(parts(30, 10)).toEqual([expect.closeTo(0.7), expect.closeTo(0.3)]);
    expect(parts(5, 0)).toEqual([expect.closeTo(0.9), expect.closeTo(0.1)]);
  });

  it("are the whole for the only replica, and for the only one that serves the account", () => {
    const alone = new BudgetShares();
    expect(alone.ofAccount(account)).toBe(1);
    alone.heard(load(0), [], 0);
    expect(alone.ofAccount(account)).toBe(1);
    alone.heard(load(0), [fresh({ [accountId("slack", "T1")]: { answers: 9 } })], 2_000);
    expect(alone.ofAccount(account)).toBe(1);
  });

  it("are small for one that begins beside others, also when those have said nothing yet, until they have heard of it", () => {
    const [beginner, twin] = [new BudgetShares(), new BudgetShares()];
    beginner.heard({}, [fresh(load(50))], 0);
    expect(beginner.ofAccount(account)).toBeCloseTo(0.1);
    twin.heard({}, [fresh({})], 0);
    expect(twin.ofAccount(account)).toBeCloseTo(0.1);
    twin.heard({}, [fresh({})], 2_000);
    expect(twin.ofAccount(account)).toBe(0.5);
  });

  it("are of a chat only divided by those who answer there", () => {
    const shares = new BudgetShares();
    const group = (answers: number): ReplicaLoad => ({ [account]: { answers: 9, shared: { "-7": answers } } });
    shares.heard(group(1), [load(50), {}].map(fresh), 0);
    expect(shares.ofChat(account, "-7")).toBe(1);
    shares.heard(group(1), [group(3), {}].map(fresh), 2_000);
    expect(shares.ofChat(account, "-7")).toBeCloseTo(0.3);
    expect(shares.ofChat(account, "-8")).toBe(1);
  });
});
