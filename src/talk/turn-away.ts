import type { AccessDecision } from "../platform/access-gate.ts";
import { newPairingCode, PAIRING_TRIES, PAIRING_TTL_MS } from "../platform/pairing-code.ts";
import { pairingFor } from "../store/identities.ts";
import type { Trx } from "../store/schema.ts";
import { tellBlocked } from "../store/users.ts";
import type { Texts } from "../texts/texts.ts";
import { type FromSender, platformOf } from "./arriving.ts";

/**
 * What somebody is told whom the gate does not let in: why they hear nothing else, and what they can do about it. Each of
 * them only so often; null = they know.
 */
export async function turnAway(
  trx: Trx,
  update: FromSender,
  decision: Exclude<AccessDecision, "allow" | "ignore">,
  texts: Texts,
): Promise<string | null> {
  const who = { platform: platformOf(update), externalId: update.sender.id };
  if (decision === "block") return (await tellBlocked(trx, who)) ? texts.blocked : null;
  const stranger = { ...who, name: update.sender.name };
  const limits = { ttlMs: PAIRING_TTL_MS, tries: PAIRING_TRIES };
  const { code, tell } = await pairingFor(trx, stranger, newPairingCode(), limits);
  if (!tell) return null;
  return decision === "pair" ? texts.stranger(code) : texts.strangerToList(`${who.platform}:${who.externalId}`);
}
