import { sql } from "kysely";
import { type AuditId, newId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { AuditDetail, Db, Trx } from "./schema.ts";

/** Who acts; null = the key of the settings. */
export interface AuditActor {
  keyId: string | null;
}

/** The actor that is the key of the settings. */
export const ADMIN_ACTOR = "admin";

/** What an operator does, in the transaction that does it. `action`: `<thing>.<verb>`; `target`: an id. */
export interface AuditAction {
  action: string;
  target: string;
  detail?: AuditDetail;
}

/** Nobody changes an entry any more; the database sees to it. */
export async function audit(
  trx: Trx,
  { keyId }: AuditActor,
  { action, target, detail = {} }: AuditAction,
): Promise<void> {
  await trx
    .insertInto("audit_log")
    .values({
      id: newId("aud"),
      // As fine as what a cursor can tell.
      at: sql<Date>`date_trunc('milliseconds', now())`,
      actor: keyId ?? ADMIN_ACTOR,
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
