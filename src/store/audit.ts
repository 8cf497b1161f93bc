import { newId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { AuditDetail, Trx } from "./schema.ts";

/** Who acts; null = the key of the settings. */
export interface AuditActor {
  keyId: string | null;
}

/** What an operator does, in the transaction that does it. `action`: `<thing>.<verb>`; `target`: an id. */
export interface AuditEntry {
  action: string;
  target: string;
  detail?: AuditDetail;
}

/** Nobody changes an entry any more; the database sees to it. */
export async function audit(
  trx: Trx,
  { keyId }: AuditActor,
  { action, target, detail = {} }: AuditEntry,
): Promise<void> {
  await trx
    .insertInto("audit_log")
    .values({ id: newId("aud"), actor: keyId ?? "admin", action, target: cleanText(target), detail: toJson(detail) })
    .execute();
}
