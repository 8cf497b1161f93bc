import { sql } from "kysely";
import { type AuditId, newId, type UserId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { AuditDetail, Db, Trx } from "./schema.ts";

/** Who acts: a stored key, an operator who is signed in at the web page, else the key of the settings. */
export interface AuditActor {
  keyId: string | null;
  browser?: { user: UserId };
}

/** The actor that is the key of the settings. */
export const ADMIN_ACTOR = "admin";

export function actorOf({ keyId, browser }: AuditActor): string {
  return keyId ?? browser?.user ?? ADMIN_ACTOR;
}

/** What an operator does, in the transaction that does it. `action`: `<thing>.<verb>`; `target`: an id. */
export interface AuditAction {
  action: string;
  target: string;
  detail?: AuditDetail;
}

/** Nobody changes an entry any more; the database sees to it. */
export async function audit(trx: Trx, actor: AuditActor, { action, target, detail = {} }: AuditAction): Promise<void> {
  await trx
    .insertInto("audit_log")
    .values({
      id: newId("aud"),
      // As fine as what a cursor can tell.
      at: sql<Date>`date_trunc('milliseconds', now())`,
      actor: actorOf(actor),
      action,
      target: cleanText(target),
      detail: toJson(detail),
    })
    .execute();
}

export interface AuditEntry {
  id: AuditId;
  at: Date;
  actor: string;
  action: string;
  target: string;
  detail: AuditDetail;
}

export interface AuditFilter {
  actor?: string;
  action?: string;
  target?: string;
  since?: Date;
  until?: Date;
  before?: { at: Date; id: string };
  limit: number;
}

/** Newest first. */
export async function listAudit(db: Db, filter: AuditFilter): Promise<AuditEntry[]> {
  const { actor, action, target, since, until, before } = filter;
  let query = db.selectFrom("audit_log").selectAll().orderBy("at", "desc").orderBy("id", "desc").limit(filter.limit);
  if (actor !== undefined) query = query.where("actor", "=", cleanText(actor));
  if (action !== undefined) query = query.where("action", "=", cleanText(action));
  if (target !== undefined) query = query.where("target", "=", cleanText(target));
  if (since) query = query.where("at", ">=", since);
  if (until) query = query.where("at", "<", until);
  if (before) query = query.where(sql<boolean>`(at, id) < (${before.at}, ${before.id})`);
  return query.execute();
}
