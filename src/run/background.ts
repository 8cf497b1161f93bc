import type { ContextPart } from "../agent/message.ts";
import { decideAccess, type AccessPolicy } from "../platform/access-gate.ts";
import type { Log } from "../platform/platform-adapter.ts";
import { approvedAmong, blockedAmong } from "../store/identities.ts";
import type { Root } from "../store/schema.ts";
import { isFirstTalk } from "../store/talk-sessions.ts";
import { retrying } from "../store/transaction.ts";
import type { WaitingTurn } from "./prepare-turn.ts";

const MAX_MESSAGES = 50;
/** UTF-8 bytes of them all; the newest stay. */
const MAX_BYTES = 20_000;
const DEADLINE_MS = 3_000;

/**
 * What was said at a thread before the bot was asked there for the first time, by people whom the gate would let in;
 * nothing where that cannot be had in time. Data for the model, marked as such.
 */
export async function readBackground(
  { db, access, log }: { db: Root; access: AccessPolicy; log: Log },
  { run, inputs, adapter, first, signal }: WaitingTurn,
): Promise<ContextPart[]> {
  const { target } = run;
  const asked = inputs[0];
  if (!first || !adapter?.background || target?.placeKind !== "group" || target.thread === "") return [];
  if (!asked?.chatMessageId || asked.message.parts.some(isBackground)) return [];
  // Its own message began the thread.
  if (target.thread === asked.chatMessageId) return [];
  // After /new the old talk is not to come back this way.
  if (!(await retrying(() => isFirstTalk(db, run.session)))) return [];
  const late = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  try {
    const ended = new Promise<null>((resolve) => late.addEventListener("abort", () => resolve(null), { once: true }));
    const said = await Promise.race([
      adapter.background.before(target, asked.chatMessageId, MAX_MESSAGES, late),
      ended,
    ]);
    if (!said || said.length === 0) return [];
    const quoted = asked.message.parts.flatMap((part) => (part.type === "context" ? [part.text] : []));
    const ids = [...new Set(said.map(({ sender }) => sender.id))];
    const approved = await retrying(() => approvedAmong(db, adapter.platform, ids));
    const blocked = await retrying(() => blockedAmong(db, adapter.platform, ids));
    const allowed = said.slice(-MAX_MESSAGES).filter(({ sender, text }) => {
      // What is asked about comes with the question already.
      if (quoted.includes(text)) return false;
      const knock = {
        kind: "message",
        platform: adapter.platform,
        placeKind: "group",
        senderId: sender.id,
        outsider: sender.outsider === true,
        approved: approved.has(sender.id),
        blocked: blocked.has(sender.id),
        addressed: true,
      } as const;
      return decideAccess(access, knock) === "allow";
    });
    return newest(
      allowed.map(({ sender, text }) => ({ type: "context", kind: "background", author: sender.name, text })),
    );
  } catch (error) {
    log.warn({ err: error }, "what was said in a thread before could not be read");
    return [];
  }
}

function isBackground(part: { type: string; kind?: string }): boolean {
  return part.type === "context" && part.kind === "background";
}

function newest(parts: ContextPart[]): ContextPart[] {
  let left = MAX_BYTES;
  const from = parts.findLastIndex(({ author, text }) => (left -= Buffer.byteLength(author + text)) < 0);
  return parts.slice(from + 1);
}
