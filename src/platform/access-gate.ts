import type { IncomingPlace, IncomingUpdate, Sender } from "./incoming-update.ts";

/** Who may make the gateway act. `allowedUsers` holds `<platform>:<immutable id>`. */
export interface AccessPolicy {
  readonly mode: "pairing" | "allowlist" | "open";
  readonly allowedUsers: ReadonlySet<string>;
}

/** Somebody at the gate, with an update of this kind. */
export interface Knock {
  kind: Extract<IncomingUpdate, { sender: Sender }>["kind"];
  platform: string;
  placeKind: IncomingPlace["kind"];
  senderId: string;
  /** A guest, or from another organisation. */
  outsider: boolean;
  /** Has the operator approved this identity by its pairing code? */
  approved: boolean;
  /** Has the operator blocked this identity? */
  blocked: boolean;
  /** Group places: was the bot mentioned, replied to or commanded? */
  addressed: boolean;
}

/**
 * `allow`: it may take effect. `pair`: it does not, and the sender is told a pairing code. `refuse`: it does not, and
 * the sender is told so; `block`: likewise, because of who they are. `ignore`: it does not, and nobody hears anything.
 */
export type AccessDecision = "allow" | "pair" | "refuse" | "block" | "ignore";

/** Someone who speaks as a chat (an anonymous admin, a channel): nobody knows which person it is. */
const ANONYMOUS = /^chat:/;

/**
 * The one gate for every kind of update that somebody sent. Pure: names, texts and what the sender claims play no part,
 * only immutable ids. In groups strangers are never answered, so that nobody can make the bot speak there; in private
 * only what asks for an answer gets one. What an update says about a place itself (that it moved, that the bot was
 * removed) is the platform's word, not the sender's wish, and holds whatever is decided here.
 */
export function decideAccess(policy: AccessPolicy, knock: Knock): AccessDecision {
  if (!knock.blocked && mayEnter(policy, knock))
    return knock.placeKind === "group" && !knock.addressed ? "ignore" : "allow";
  const asks = knock.kind === "message" || knock.kind === "command";
  if (knock.placeKind === "group" || !asks) return "ignore";
  if (knock.blocked) return "block";
  return policy.mode !== "allowlist" && isPerson(knock.senderId) ? "pair" : "refuse";
}

/** Whether somebody whom the gate has let in may go on elsewhere: at the web page, for which no platform says who they are. */
export function isLetIn(
  policy: AccessPolicy,
  who: Omit<Knock, "kind" | "placeKind" | "outsider" | "addressed">,
): boolean {
  return !who.blocked && mayEnter(policy, { ...who, outsider: false });
}

function mayEnter(
  policy: AccessPolicy,
  knock: Pick<Knock, "platform" | "senderId" | "outsider" | "approved">,
): boolean {
  if (policy.mode === "open" && !knock.outsider) return true;
  if (!isPerson(knock.senderId)) return false;
  const isListed = policy.allowedUsers.has(`${knock.platform}:${knock.senderId}`);
  return isListed || (policy.mode !== "allowlist" && knock.approved);
}

function isPerson(senderId: string): boolean {
  return senderId !== "" && !ANONYMOUS.test(senderId);
}
