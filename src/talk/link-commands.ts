import { createHash } from "node:crypto";
import { newPairingCode, normalisePairingCode } from "../platform/pairing-code.ts";
import { upsertIdentity } from "../store/identities.ts";
import {
  countFailedTry,
  failedTries,
  findOffer,
  heldIdentities,
  holdIdentities,
  isSame,
  joinUser,
  type Linked,
  offerLink,
  partUser,
  useOffer,
  type Who,
} from "../store/links.ts";
import { placeUsedLast } from "../store/places.ts";
import type { LinkChat } from "../store/link-chats.ts";
import type { RunTarget, Trx } from "../store/schema.ts";
import { accountName } from "../texts/link-texts.ts";
import { type Texts, textsFor } from "../texts/texts.ts";
import { type FromSender, platformOf, targetOf } from "./arriving.ts";

type Command = Extract<FromSender, { kind: "command" }>;

const TTL_MS = 600_000;
/** Wrong codes of one person, wherever they are typed, within an hour. */
const TRIES = 5;

export type LinkWord = "link" | "unlink";

export function isLinkCommand(word: string): word is LinkWord {
  return word === "link" || word === "unlink";
}

/** Something to say in a chat, as Markdown. */
interface Said {
  target: RunTarget;
  text: string;
}

/** Somebody at work on their links, with everybody locked whom that may change. */
interface LinkScene {
  trx: Trx;
  who: Who;
  held: Who[];
  /** All that are linked, and the one of them who is here. */
  ours: Linked[];
  mine: Linked;
  /** This chat, and its way of writing commands. */
  here: LinkChat;
  signOf: (account: string) => string;
  sign: string;
  texts: Texts;
}

/**
 * Joins the identity behind a private chat with another, or undoes that, inside the accept transaction. Returns the
 * answer and what other chats are told. What `signOf` says of an account goes before a command's word there.
 */
export async function runLinkCommand(trx: Trx, update: Command, signOf: (account: string) => string): Promise<Said[]> {
  const { account, args, command, place, sender } = update;
  const language = sender.language ?? "";
  const texts = textsFor(language);
  const here = { target: targetOf(update), language };
  const answer = (text: string): Said => ({ target: here.target, text });
  const who = { platform: platformOf(update), externalId: sender.id };
  const code = command === "link" ? normalisePairingCode(args) : "";
  if (place.kind !== "private") {
    // All who are there have read it.
    await useOffer(trx, hashOf(code));
    return [answer(texts.linkPrivately)];
  }
  const others = await holdIdentities(trx, who, hashOf(code));
  const { userId } = await upsertIdentity(trx, who.platform, who.externalId, sender.name);
  const held = [...others, who];
  const ours = await heldIdentities(trx, userId, held);
  const mine = ours.find((one) => isSame(one, who))!;
  const scene: LinkScene = { trx, who, held, ours, mine, here, signOf, sign: signOf(account), texts };
  if (command === "unlink") {
    const { text, told } = await unlink(scene);
    return [answer(text), ...told];
  }
  if (args.trim() === "") return [answer(await offer(scene))];
  const { text, told } = await join(scene, code);
  return [answer(text), ...told];
}

async function offer({ trx, who, here, texts }: LinkScene): Promise<string> {
  const code = newLinkCode();
  await offerLink(trx, who, { hash: hashOf(code), chat: here, ttlMs: TTL_MS });
  return texts.linkCode(code);
}

interface Outcome {
  text: string;
  told: Said[];
}

function only(text: string): Outcome {
  return { text, told: [] };
}

/** Joins whoever typed a code with whoever made it. A code that is not used up by that still holds. */
async function join(
  { trx, who, held, ours, mine, here, signOf, sign, texts }: LinkScene,
  code: string,
): Promise<Outcome> {
  if ((await failedTries(trx, who)) >= TRIES) return only(texts.linkTooOften);
  const offered = code === "" ? null : await findOffer(trx, hashOf(code));
  if (!offered) {
    await countFailedTry(trx, who);
    return only(texts.linkUnknown);
  }
  const { maker, chat: there } = offered;
  if (isSame(maker, who)) return only(texts.linkSameChat);
  if (maker.userId === mine.userId) return only(texts.linkedAlready);
  const theirs = await heldIdentities(trx, maker.userId, held);
  const them = theirs.find((one) => isSame(one, maker))!;
  // Whoever is alone joins the other, so it does not matter where the code was made.
  if (ours.length === 1) await joinUser(trx, mine, them.userId, { here, there, with: idOf(them) });
  else if (theirs.length === 1) await joinUser(trx, them, mine.userId, { here: there, there: here, with: idOf(mine) });
  else return only(texts.linkedElsewhere(sign));
  await useOffer(trx, hashOf(code));
  const { target, language } = there;
  const told = textsFor(language).linked(accountName(mine), signOf(target.account));
  return { text: texts.linked(accountName(them), sign), told: [{ target, text: told }] };
}

/** Whoever joined leaves alone; from the one they joined, all leave. */
async function unlink({ trx, ours, mine, sign, texts }: LinkScene): Promise<Outcome> {
  const root = ours.find((one) => one.own === null)!;
  const leaving = ours.filter((one) => (mine === root ? one !== root : one === mine));
  const told: Said[] = [];
  for (const { own, link } of leaving) {
    const chat = mine === root ? link!.here : link!.there;
    // Whoever they linked with may have left before them.
    const isOurs = mine === root || ours.some((one) => isSame(one, link!.with));
    if (isOurs && (await isReachable(trx, chat, mine))) {
      const target = { ...chat.target, replyTo: null };
      told.push({ target, text: textsFor(chat.language).unlinked(accountName(mine)) });
    }
    await partUser(trx, mine.userId, own!);
  }
  if (leaving.length === 0) return { text: texts.nothingLinked(sign), told };
  const left = mine === root ? leaving : [root];
  return { text: left.map((one) => texts.unlinked(accountName(one))).join("\n\n"), told };
}

function idOf({ platform, externalId }: Who): Who {
  return { platform, externalId };
}

/** A slash command may be given where the bot cannot write, and the address for its answer does not hold for long. */
async function isReachable(trx: Trx, { target }: LinkChat, { userId }: Linked): Promise<boolean> {
  return target.replyTo === null || (await placeUsedLast(trx, target, userId)) !== null;
}

/** With a digit, so that a word behind "link" is never taken for one. */
function newLinkCode(): string {
  for (;;) {
    const code = newPairingCode();
    if (/\d/.test(code)) return code;
  }
}

function hashOf(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}
