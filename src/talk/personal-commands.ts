import { beginErasure } from "../store/erasures.ts";
import { findIdentity } from "../store/identities.ts";
import type { SessionId } from "../ids.ts";
import type { RunTarget, Trx } from "../store/schema.ts";
import type { Texts } from "../texts/texts.ts";
import { type FromSender, platformOf, targetOf } from "./arriving.ts";
import { isLinkCommand, runLinkCommand } from "./link-commands.ts";
import { runWebCommand, type WebDoor } from "./web-command.ts";

type Command = Extract<FromSender, { kind: "command" }>;

const FORGET_ME = /^me( yes)?$/i;

/** One about who somebody is, wherever they talk: `/link`, `/unlink`, `/web`, `/forget me`. */
export function isPersonalCommand({ command, args }: Command): boolean {
  return isLinkCommand(command) || command === "web" || (command === "forget" && FORGET_ME.test(args.trim()));
}

/**
 * Carries it out inside its accept transaction. Returns what chats are told, which belongs to no session, and the
 * sessions whose runs end.
 */
export async function runPersonalCommand(
  trx: Trx,
  update: Command,
  { texts, sign, door }: { texts: Texts; sign: string; door: WebDoor },
  signOf: (account: string) => string,
): Promise<{ said: { target: RunTarget; text: string }[]; touched: SessionId[] }> {
  if (isLinkCommand(update.command)) return { said: await runLinkCommand(trx, update, signOf), touched: [] };
  if (update.command === "web") return { said: [await runWebCommand(trx, update, door, texts)], touched: [] };
  const answer = (text: string) => [{ target: targetOf(update), text }];
  if (update.place.kind !== "private") return { said: answer(texts.forgetMePrivateOnly), touched: [] };
  if (!/yes$/i.test(update.args.trim())) return { said: answer(texts.forgetMe(sign)), touched: [] };
  const identity = await findIdentity(trx, platformOf(update), update.sender.id);
  const begun = identity && (await beginErasure(trx, identity.userId));
  return { said: answer(texts.beingForgotten), touched: begun?.stopped ?? [] };
}
