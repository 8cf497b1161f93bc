import type { UserId } from "../ids.ts";
import type { Root, Trx } from "./schema.ts";
import { withTransaction } from "./transaction.ts";

/** Whose rows a caller may read and write: everybody's, those of one user, or those of one agent. */
export type Reach = { kind: "all" } | { kind: "user"; user: UserId } | { kind: "agent"; agent: string };

/** A transaction on behalf of a caller. Its statements are scoped by `reach` themselves, too. */
export function withReach<T>(db: Root, _reach: Reach, work: (trx: Trx) => Promise<T>): Promise<T> {
  return withTransaction(db, work);
}
