import { type ColumnType, sql } from "kysely";
import { cleanText } from "./json.ts";
import type { Db, Trx } from "./schema.ts";

export interface CardVersionsTable {
  file: string;
  no: number;
  text: string | null;
  author: string;
  note: string;
  at: ColumnType<Date, never, never>;
}

/** One edit of a card; text null = back to the file. */
export interface CardVersion {
  no: number;
  text: string | null;
  author: string;
  note: string;
  at: Date;
}

/** Older ones of a card are dropped. */
const KEPT = 100;

/** By the files' names, the newest edits; a text goes before its file, text null = the file counts. */
export async function currentEdits(db: Db): Promise<Map<string, Pick<CardVersion, "no" | "text">>> {
  const { rows } = await sql<{ file: string; no: number; text: string | null }>`
    select distinct on (file) file, no, text from card_versions order by file, no desc`.execute(db);
  return new Map(rows.map(({ file, no, text }) => [file, { no, text }]));
}

/** Newest first, at most 100. */
export async function listCardVersions(db: Db, file: string): Promise<CardVersion[]> {
  return db
    .selectFrom("card_versions")
    .select(["no", "text", "author", "note", "at"])
    .where("file", "=", file)
    .orderBy("no", "desc")
    .limit(KEPT)
    .execute();
}

/** False = there is another version of that number already. */
export async function insertCardVersion(
  trx: Trx,
  file: string,
  { note, ...version }: Omit<CardVersion, "at">,
): Promise<boolean> {
  const result = await trx
    .insertInto("card_versions")
    .values({ file, note: cleanText(note), ...version })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (result.numInsertedOrUpdatedRows !== 1n) return false;
  await trx
    .deleteFrom("card_versions")
    .where("file", "=", file)
    .where("no", "<=", version.no - KEPT)
    .execute();
  return true;
}
