import { expect, test } from "vitest";
import { newId, type UserId } from "../../src/ids.ts";
import { joinUser, partUser } from "../../src/store/links.ts";
import { deleteMemories, holdMemories, insertMemory, memoriesOf, recall } from "../../src/store/memories.ts";
import { moveChat, upsertPlace } from "../../src/store/places.ts";
import type { Root } from "../../src/store/schema.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, BOT, newChat, sayIn, startRun, type StartedRun } from "./arrange.ts";

/** Somebody's run at work: an agent remembers something in it. */
async function remember(db: Root, run: StartedRun, fact: string, agent = "demo"): Promise<void> {
  await withTransaction(db, async (trx) => insertMemory(trx, (await holdMemories(trx, run))!, agent, fact));
}

async function factsOf(db: Root, user: UserId): Promise<string[]> {
  return (await memoriesOf(db, user)).map(({ fact }) => fact);
}

storeEngines((store) => {
  const running = async (options: Parameters<typeof newChat>[1]) => {
    const place = await newChat(store.db, options);
    await accept(store.db, sayIn({ ...place, kind: options?.kind ?? "private" }));
    return { place, run: await startRun(store.db) };
  };

  test("what an agent remembers is its own and of one user, oldest first", async () => {
    const { db } = store;
    const [ann, bob] = [await running({ chat: "7" }), await running({ chat: "8" })];
    await remember(db, ann.run, "likes tea");
    await remember(db, ann.run, "lives in Bonn");
    await remember(db, ann.run, "writes odes", "poet");
    await remember(db, bob.run, "likes coffee");
    expect(await recall(db, ann.run.session, "demo")).toEqual({
      facts: ["likes tea", "lives in Bonn"],
      ofPlace: false,
    });
    expect(await factsOf(db, ann.place.userId)).toEqual(["likes tea", "lives in Bonn", "writes odes"]);
    const [first] = await memoriesOf(db, ann.place.userId, "demo");
    // Somebody else's id deletes nothing.
    await deleteMemories(db, bob.place.userId, [first!.id]);
    await deleteMemories(db, ann.place.userId, [first!.id]);
    expect(await factsOf(db, ann.place.userId)).toEqual(["lives in Bonn", "writes odes"]);
    expect(await factsOf(db, bob.place.userId)).toEqual(["likes coffee"]);
  });

  test("an attempt that lost its run remembers nothing", async () => {
    const { run } = await running({ chat: "7" });
    const held = (attempt: number) => withTransaction(store.db, (trx) => holdMemories(trx, { ...run, attempt }));
    expect(await held(run.attempt)).toMatchObject({ ofPlace: false, own: null });
    expect(await held(run.attempt + 1)).toBeNull();
  });

  test("a link moves what is remembered, and its end gives back what began at the places of whoever leaves", async () => {
    const { db } = store;
    const [ann, bob] = [await running({ chat: "7" }), await running({ chat: "8" })];
    await remember(db, ann.run, "is Ann");
    await remember(db, bob.run, "is Bob");
    const chat = { target: { account: BOT, chat: "7", thread: "", replyTo: null, placeKind: "private" }, language: "" };
    const link = { here: chat, there: chat, with: { platform: "telegram", externalId: "7" } } as const;
    const joining = {
      platform: "telegram",
      externalId: "8",
      name: "Bob",
      userId: bob.place.userId,
      own: null,
      link: null,
    };
    await withTransaction(db, (trx) => joinUser(trx, joining, ann.place.userId, link as never));
    expect(await factsOf(db, bob.place.userId)).toEqual([]);
    await remember(db, bob.run, "moved to Rome");
    await remember(db, ann.run, "has a cat");
    expect(await factsOf(db, ann.place.userId)).toEqual(["is Ann", "is Bob", "moved to Rome", "has a cat"]);
    await withTransaction(db, (trx) => partUser(trx, ann.place.userId, bob.place.userId));
    expect(await factsOf(db, ann.place.userId)).toEqual(["is Ann", "has a cat"]);
    expect(await factsOf(db, bob.place.userId)).toEqual(["is Bob", "moved to Rome"]);
  });

  test("a group's memory follows it to its new id, also where that is known already", async () => {
    const { db } = store;
    const { run, place } = await running({ kind: "group", chat: "-1", sender: "7" });
    await remember(db, run, "meets on Mondays");
    expect(await recall(db, run.session, "demo")).toEqual({ facts: ["meets on Mondays"], ofPlace: true });
    const where = { kind: "group", chat: "-2", thread: "", title: "Group" } as const;
    const newer = await upsertPlace(db, BOT, where, newId("usr"), "demo");
    await moveChat(db, BOT, "-1", "-2");
    expect(await factsOf(db, place.userId)).toEqual([]);
    expect(await factsOf(db, newer.userId)).toEqual(["meets on Mondays"]);
  });
});
