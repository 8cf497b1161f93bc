import { describe, expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { GroupCommit, type GroupCommitOptions } from "../../src/store/group-commit.ts";

/** Batches as they were committed; each waits for `next`. */
function recorder(options: Partial<GroupCommitOptions> = {}, fault?: (items: number[]) => Error | null) {
  const batches: number[][] = [];
  const waiting: (() => void)[] = [];
  const commit = new GroupCommit<number, string>(
    async (items) => {
      batches.push(items);
      await new Promise<void>((resolve) => waiting.push(resolve));
      const error = fault?.(items);
      if (error) throw error;
      return items.map((item) => `done ${item}`);
    },
    { max: 3, bound: 5, full: () => new GatewayError("unavailable", "Full."), ...options },
  );
  /** Lets the batch that is in flight end. */
  const next = async () => {
    while (waiting.length === 0) await Promise.resolve();
    waiting.shift()!();
  };
  return { commit, batches, next };
}

describe("a group commit", () => {
  test("begins at once, and takes what comes meanwhile into the next batch", async () => {
    const { commit, batches, next } = recorder();
    const results = [1, 2, 3].map((item) => commit.add(item));
    expect(batches).toEqual([[1]]);
    await next();
    await next();
    expect(await Promise.all(results)).toEqual(["done 1", "done 2", "done 3"]);
    expect(batches).toEqual([[1], [2, 3]]);
    const later = commit.add(4);
    await next();
    expect(await later).toBe("done 4");
  });

  test("holds batches of a size at most", async () => {
    const { commit, batches, next } = recorder();
    const results = [1, 2, 3, 4, 5].map((item) => commit.add(item));
    for (let batch = 0; batch < 3; batch += 1) await next();
    await Promise.all(results);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  test("refuses what is beyond its bound, and goes on with the rest", async () => {
    const { commit, next } = recorder();
    const results = [1, 2, 3, 4, 5, 6].map((item) => commit.add(item));
    await expect(commit.add(7)).rejects.toMatchObject({ code: "unavailable", message: "Full." });
    for (let batch = 0; batch < 3; batch += 1) await next();
    expect(await Promise.all(results)).toHaveLength(6);
  });

  test("tries the items of a failed batch one by one, so that a poisoned one fails alone", async () => {
    const { commit, batches, next } = recorder({}, (items) => (items.includes(3) ? new Error("poison") : null));
    const results = Promise.allSettled([1, 2, 3, 4].map((item) => commit.add(item)));
    for (let batch = 0; batch < 5; batch += 1) await next();
    expect((await results).map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(batches).toEqual([[1], [2, 3, 4], [2], [3], [4]]);
  });

  test("fails a whole batch at once while the database is away", async () => {
    const away = () => new GatewayError("unavailable", "Away.");
    const { commit, batches, next } = recorder({}, (items) => (items.length > 1 ? away() : null));
    const results = Promise.allSettled([1, 2, 3].map((item) => commit.add(item)));
    await next();
    await next();
    expect((await results).map((result) => result.status)).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  test("fails with a batch, while the database is away, what waits behind it: it must not overtake", async () => {
    let isAway = true;
    const { commit, batches, next } = recorder({}, () => (isAway ? new GatewayError("unavailable", "Away.") : null));
    const results = Promise.allSettled([1, 2, 3, 4, 5].map((item) => commit.add(item)));
    await next();
    expect((await results).map((result) => result.status)).toEqual(Array(5).fill("rejected"));
    isAway = false;
    const later = commit.add(6);
    await next();
    expect(await later).toBe("done 6");
    expect(batches).toEqual([[1], [6]]);
  });

  test("collects for a while before a first batch, where it is told to", async () => {
    const { commit, batches, next } = recorder({ windowMs: 1 });
    const results = [1, 2, 3].map((item) => commit.add(item));
    expect(batches).toEqual([]);
    while (batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await next();
    await Promise.all(results);
    expect(batches).toEqual([[1, 2, 3]]);
  });
});
