import { expect, test } from "vitest";
import { currentEdits, insertCardVersion, listCardVersions } from "../../src/store/card-versions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { storeEngines } from "../support/store-engines.ts";

storeEngines((store) => {
  const put = (file: string, no: number, text: string | null) =>
    withTransaction(store.db, (trx) => insertCardVersion(trx, file, { no, text, author: "admin", note: "" }));

  test("of a card's versions the newest counts, no number is there twice, and 100 are kept", async () => {
    const { db } = store;
    expect([await put("a.md", 1, "one"), await put("b.md", 1, "other")]).toEqual([true, true]);
    expect(await put("a.md", 1, "late")).toBe(false);
    await put("a.md", 2, "two");
    expect(await currentEdits(db)).toEqual(
      new Map([
        ["a.md", { no: 2, text: "two" }],
        ["b.md", { no: 1, text: "other" }],
      ]),
    );
    await put("a.md", 3, null);
    expect((await currentEdits(db)).get("a.md")).toEqual({ no: 3, text: null });
    const both = await Promise.all([put("a.md", 4, "four"), put("a.md", 4, "for")]);
    expect(both.toSorted()).toEqual([false, true]);
    for (let no = 5; no <= 103; no += 1) await put("a.md", no, `${no}`);
    const versions = await listCardVersions(db, "a.md");
    expect([versions.length, versions[0]?.no, versions.at(-1)?.no]).toEqual([100, 103, 4]);
    expect((await listCardVersions(db, "b.md")).map(({ text }) => text)).toEqual(["other"]);
  });
});
