import { newLinkToken, signInUrl, webTokenHash } from "../platform/web-token.ts";
import { upsertIdentity } from "../store/identities.ts";
import type { RunTarget, Trx } from "../store/schema.ts";
import { insertWebLink } from "../store/web-sessions.ts";
import type { Texts } from "../texts/texts.ts";
import { type FromSender, platformOf, targetOf } from "./arriving.ts";

/**
 * Where people open the web page. `null`: it is off. `url` null: nowhere, because nobody has said where the gateway is
 * reached from elsewhere. `here`: on the gateway's own machine alone.
 */
export type WebDoor = { url: string | null; here: boolean } | null;

/** Makes the one-time link that signs whoever asked in at the web page, inside the accept transaction. */
export async function runWebCommand(
  trx: Trx,
  update: Extract<FromSender, { kind: "command" }>,
  door: WebDoor,
  texts: Texts,
): Promise<{ target: RunTarget; text: string }> {
  const target = targetOf(update);
  if (update.place.kind !== "private") return { target, text: texts.linkPrivately };
  if (door === null) return { target, text: texts.webOff };
  if (door.url === null) return { target, text: texts.webNowhere };
  const { sender } = update;
  const { userId, own } = await upsertIdentity(trx, platformOf(update), sender.id, sender.name);
  const token = newLinkToken();
  // Their own user: when a link between accounts ends, so does what it showed them.
  await insertWebLink(trx, webTokenHash(token), { user: own ?? userId, role: null });
  const text = texts.webLink(signInUrl(door.url, token));
  return { target, text: door.here ? `${text}\n\n${texts.webOnlyHere}` : text };
}
