import { listeningAt } from "../agent/agent-settings.ts";
import type { Agents } from "../agent/agents.ts";
import type { BusyPolicy } from "../agent/busy-policy.ts";
import { GatewayError } from "../errors.ts";
import { type MessageId, newId, type ReplicaId, type SessionId } from "../ids.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type AccessPolicy, decideAccess } from "../platform/access-gate.ts";
import type { IncomingUpdate } from "../platform/incoming-update.ts";
import type { Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { Hints } from "../run/hints.ts";
import { changeWaiting } from "../store/change-waiting.ts";
import { GroupCommit } from "../store/group-commit.ts";
import { findIdentity, upsertIdentity } from "../store/identities.ts";
import { acceptKnown, type Arrival, type ArrivingMessage, recordUpdate } from "../store/inbox.ts";
import { notifySessions } from "../store/notify.ts";
import { insertReply } from "../store/outbox.ts";
import { findPlace, markChatGone, moveChat, type Place, upsertPlace } from "../store/places.ts";
import type { Root, RunTarget, Trx } from "../store/schema.ts";
import { sessionActivity } from "../store/runs.ts";
import { retrying, withTransaction } from "../store/transaction.ts";
import { type Texts, textsFor } from "../texts/texts.ts";
import { arriving, type FromSender, platformOf, targetOf } from "./arriving.ts";
import { agentFor } from "./agent-for.ts";
import { isChatCommand, runChatCommand } from "./chat-commands.ts";
import { runChatWideCommand } from "./chat-wide-commands.ts";
import { answersQuestion, takeReason } from "./cast-vote.ts";
import { inParallel } from "./in-parallel.ts";
import { chatOf, chatsOfSeveral, type Item, keyOf } from "./intake-item.ts";
import { isPersonalCommand, runPersonalCommand } from "./personal-commands.ts";
import { answerPress, type Pressed, pressButton, turnedAway } from "./press-button.ts";
import { isStopWord } from "./stop-words.ts";
import { turnAway } from "./turn-away.ts";
import type { WebDoor } from "./web-command.ts";

/** Updates of one commit, and how many may wait for theirs. */
const MAX_BATCH = 200;
const MAX_WAITING = 5_000;
/** Chats whose updates need more than the one statement, at once. */
const SLOW_CHATS = 8;

/** `touched`: sessions it has changed otherwise than by a message of theirs; the rest is for its presser. */
type Taken = Arrival & Partial<Pressed>;

export interface IntakeParts {
  db: Root;
  replica: ReplicaId;
  hints: Hints;
  agents: Agents;
  access: AccessPolicy;
  onBusy: BusyPolicy;
  /** Finds the adapter of an account, for how it shows an answer. */
  adapter: (account: string) => PlatformAdapter | undefined;
  metrics: Metrics;
  log: Log;
  /** Where the web page is; left out: it is off. */
  webDoor?: () => WebDoor;
}

/**
 * The one way in. Updates are committed in groups: those that need nothing new in one statement, the others each in a
 * transaction of its own, in order within their chat. Resolving means stored; `unavailable` means nothing was.
 */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #commit: GroupCommit<Item, Arrival>;
  #closed = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#commit = new GroupCommit((items) => this.#accept(items), {
      max: MAX_BATCH,
      bound: MAX_WAITING,
      full: () => new GatewayError("unavailable", "Too much arrives at once.", { retryAfterMs: 2_000 }),
    });
  }

  /** From now on nothing is taken in: it is left to other replicas, or until this one is back. */
  close(): void {
    this.#closed = true;
  }

  /** A platform's update. What is not for us, or from strangers, is accepted and has no effect. */
  async accept(update: IncomingUpdate): Promise<void> {
    const platform = platformOf(update);
    this.#parts.metrics.updatesReceived.inc({ platform, kind: update.kind });
    if (update.kind === "ignored") return;
    if (this.#closed) throw closing();
    const stored = this.#commit.add({ update }).catch((error: unknown) => this.#setAside(update, error));
    const arrival = await stored.catch((error: unknown) => {
      this.#parts.metrics.updatesRefused.inc({ platform, why: "not_stored" });
      throw error;
    });
    if (arrival.outcome === "repeat") this.#parts.metrics.updatesDuplicate.inc({ platform });
  }

  /** An update that fails for its own sake, again and again, is stored as failed: the platform must not repeat it. */
  async #setAside({ account, key, kind }: IncomingUpdate, error: unknown): Promise<Arrival> {
    if (error instanceof GatewayError) throw error;
    this.#parts.log.error({ err: error, account, kind }, "an update could not be accepted");
    const messageId = newId("msg");
    await retrying(() => recordUpdate(this.#parts.db, { account, key, messageId, state: "failed" }));
    return nothing(messageId);
  }

  /** A message for a session that its user names. `unknown`: there is no such session of this user. */
  async acceptMessage(message: ArrivingMessage): Promise<Arrival> {
    if (this.#closed) throw closing();
    return this.#commit.add({ message });
  }

  async #accept(items: Item[]): Promise<Arrival[]> {
    const results: Arrival[] = [];
    const slow = new Map<string, number[]>();
    const fast: { index: number; message: ArrivingMessage }[] = [];
    const seen = new Map<string, number>();
    const repeats: [number, number][] = [];
    const mixed = chatsOfSeveral(items);
    for (const [index, item] of items.entries()) {
      const key = keyOf(item);
      const first = seen.get(key);
      if (first !== undefined) repeats.push([index, first]);
      else {
        seen.set(key, index);
        const chat = chatOf(item);
        const message = slow.has(chat) || mixed.has(chat) ? null : this.#asKnown(item);
        if (message) fast.push({ index, message });
        else slow.set(chat, [...(slow.get(chat) ?? []), index]);
      }
    }
    const { db, replica } = this.#parts;
    if (fast.length > 0) {
      const arrivals = await retrying(() =>
        acceptKnown(
          db,
          fast.map(({ message }) => message),
          replica,
        ),
      );
      for (const [at, arrival] of arrivals.entries()) {
        const { index } = fast[at]!;
        results[index] = arrival;
        const item = items[index]!;
        // Within a chat, what has to be made first goes before what came with a later update of it.
        if (arrival.outcome === "unknown" && "update" in item) {
          const chat = chatOf(item);
          slow.set(
            chat,
            [...(slow.get(chat) ?? []), index].toSorted((a, b) => a - b),
          );
        }
      }
      this.#hint(arrivals);
    }
    await inParallel([...slow.values()], SLOW_CHATS, async (indexes) => {
      for (const index of indexes) results[index] = await this.#acceptSlowly(items[index]!);
    });
    for (const [index, first] of repeats) {
      const { outcome, ...arrival } = results[first]!;
      results[index] = { ...arrival, outcome: outcome === "stored" ? "repeat" : outcome };
    }
    return results;
  }

  #hint(arrivals: Arrival[]): void {
    const { hints } = this.#parts;
    const stored = arrivals.filter((arrival) => arrival.outcome === "stored");
    if (stored.length > 0) hints.work();
    for (const { sessionId } of stored) if (sessionId) hints.session(sessionId);
  }

  /** The update as a message that the fast statement may take, if its place turns out to be known. */
  #asKnown(item: Item): ArrivingMessage | null {
    if ("message" in item) return item.message;
    const { update } = item;
    if (update.kind !== "message" || isStop(update) || update.answers !== undefined) return null;
    // Whether somebody is blocked, the statement sees.
    const approved = this.#decide(update, { approved: true, blocked: false }, true);
    if (approved !== "allow") return null;
    return arriving(update, this.#decide(update, UNKNOWN, true) === "allow", this.#parts.agents);
  }

  #decide(
    update: FromSender,
    who: { approved: boolean; blocked: boolean },
    placeKnown: boolean,
  ): ReturnType<typeof decideAccess> {
    const listening = listeningAt(this.#parts.agents.settings(), { account: update.account, ...update.place });
    if (listening === "off") return "ignore";
    const addressed = update.kind === "message" && listening !== "always" ? update.addressed : true;
    return decideAccess(this.#parts.access, {
      kind: update.kind,
      platform: platformOf(update),
      placeKind: update.place.kind,
      senderId: update.sender.id,
      outsider: update.sender.outsider ?? false,
      approved: who.approved,
      blocked: who.blocked,
      addressed: addressed === "where_known" ? placeKnown : addressed,
    });
  }

  async #acceptSlowly(item: Item): Promise<Arrival> {
    if ("message" in item) return nothing(item.message.messageId);
    const { update } = item;
    const { db, replica, hints } = this.#parts;
    const arrival = await withTransaction(db, async (trx) => {
      const result = await this.#take(trx, update);
      if (result.touched && result.touched.length > 0) await notifySessions(trx, replica, result.touched);
      return result;
    });
    if (arrival.outcome === "stored") {
      this.#hint([arrival]);
      for (const session of arrival.touched ?? []) hints.session(session);
      hints.outbox();
    }
    if (update.kind === "press") {
      answerPress(update, arrival, { ...this.#parts, adapter: this.#parts.adapter(update.account) });
    }
    return arrival;
  }

  async #take(trx: Trx, update: IncomingUpdate): Promise<Taken> {
    const messageId = newId("msg");
    const record = (state: "handled" | "failed") =>
      recordUpdate(trx, { account: update.account, key: update.key, messageId, state });
    if (update.kind === "ignored") return nothing(messageId);
    if (update.kind === "unreadable") {
      this.#parts.log.warn({ account: update.account, why: update.why }, "an update could not be read");
      await record("failed");
      return nothing(messageId);
    }
    if (update.kind === "place_moved") {
      if (await record("handled"))
        await moveChat(trx, update.account, update.chat, update.newChat, update.sameMessages);
      return nothing(messageId);
    }
    if (update.kind === "membership") {
      // Not an act of the sender's but what became of the bot there, so it is true whoever did it.
      if (await record("handled")) await markChatGone(trx, update.account, update.place.chat, !update.member);
      return nothing(messageId);
    }
    const platform = platformOf(update);
    const identity = await findIdentity(trx, platform, update.sender.id);
    const onlyWhereKnown =
      update.kind === "edited" ||
      update.kind === "deleted" ||
      (update.kind === "message" && update.addressed === "where_known");
    const known = onlyWhereKnown ? await findPlace(trx, update.account, update.place) : null;
    const decision = this.#decide(update, identity ?? UNKNOWN, known !== null);
    if (decision !== "allow") {
      this.#parts.metrics.updatesRefused.inc({ platform, why: decision });
      if (decision !== "ignore" && (await record("handled"))) {
        const answer = await turnAway(trx, update, decision, this.#words(update).texts);
        if (answer !== null) await this.#reply(trx, targetOf(update), answer, null);
      }
      const tell = update.kind === "press" ? turnedAway(update, this.#words(update).texts) : {};
      return { ...nothing(messageId), outcome: "stored", ...tell };
    }
    if (update.kind === "edited" || update.kind === "deleted") {
      // What was never said here is no reason to begin a talk.
      const { account, place, messageId: chatMessageId } = update;
      const awaited = update.kind === "deleted" || update.addressed;
      const message = { account, chat: place.chat, session: known?.sessionId ?? null, chatMessageId, awaited };
      await changeWaiting(trx, message, update.kind === "edited" ? update.text : null);
      return nothing(messageId);
    }
    if (update.kind === "press") {
      if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
      const { texts } = this.#words(update);
      const adapter = this.#parts.adapter(update.account);
      const pressed = await pressButton(trx, update, { userId: identity?.userId ?? null, adapter, texts });
      if (pressed.touched.length === 0) this.#parts.metrics.updatesRefused.inc({ platform, why: "press" });
      return { outcome: "stored", messageId, sessionId: null, ...pressed };
    }
    if (update.kind === "reason") {
      if (await record("handled")) await takeReason(trx, update);
      return nothing(messageId);
    }
    const asked = update.kind === "message" && (await answersQuestion(trx, update));
    if (asked) {
      if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
      await asked.keep();
      await this.#reply(trx, targetOf(update), this.#words(update).texts.reasonKept, null);
      return { ...nothing(messageId), outcome: "stored" };
    }
    if (update.kind === "elsewhere") {
      if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
      await this.#reply(trx, targetOf(update), this.#words(update).texts.notThere, null);
      return { ...nothing(messageId), outcome: "stored" };
    }
    if (update.kind === "command" && isPersonalCommand(update)) {
      if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
      const signOf = (account: string) => this.#signAt(account);
      const { said, touched } = await runPersonalCommand(trx, update, this.#words(update), signOf);
      for (const { target, text } of said) await this.#reply(trx, target, text, null);
      return { outcome: "stored", messageId, sessionId: null, touched };
    }
    const person = await upsertIdentity(trx, platform, update.sender.id, update.sender.name);
    if (update.kind === "other") {
      await record("handled");
      return nothing(messageId);
    }
    if (update.kind === "command" && update.ofChat) {
      if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
      const { agents } = this.#parts;
      const words = this.#words(update);
      const { answer, sessions } = await runChatWideCommand(trx, agents, update, person.userId, words);
      await this.#reply(trx, targetOf(update), answer, sessions[0] ?? null);
      return { outcome: "stored", messageId, sessionId: null, touched: sessions };
    }
    if (update.kind === "message" && isStop(update)) {
      const talk = await findPlace(trx, update.account, update.place);
      const activity = talk && (await sessionActivity(trx, talk.sessionId));
      if (talk && activity && (activity.running || activity.waiting > 0)) {
        if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
        return this.#command(trx, { ...update, kind: "command", command: "stop", args: "" }, talk, messageId);
      }
    }
    const { account, place: named } = update;
    const { name } = agentFor(this.#parts.agents, { account, ...named }, null);
    const place = await upsertPlace(trx, account, named, person.userId, name, person.own);
    if (update.kind === "message") {
      const [arrival] = await acceptKnown(trx, [arriving(update, true, this.#parts.agents)], this.#parts.replica);
      return arrival!;
    }
    if (!(await record("handled"))) return { ...nothing(messageId), outcome: "repeat" };
    return this.#command(trx, update, place, messageId);
  }

  async #command(
    trx: Trx,
    update: Extract<IncomingUpdate, { kind: "command" }>,
    place: Place,
    messageId: MessageId,
  ): Promise<Taken> {
    const { command } = update;
    const words = this.#words(update);
    const language = update.sender.language ?? "";
    // In a group it may be meant for another bot.
    if (!isChatCommand(command) && place.kind === "group") return nothing(messageId);
    const answer = isChatCommand(command)
      ? await runChatCommand({ db: trx, agents: this.#parts.agents, place, language, ...words }, command, update.args)
      : words.texts.unknownCommand(words.sign);
    await this.#reply(trx, targetOf(update), answer, place.sessionId);
    return { outcome: "stored", messageId, sessionId: null, touched: [place.sessionId] };
  }

  /** How this person is talked to. */
  #words({ account, sender }: FromSender): { sign: string; texts: Texts; onBusy: BusyPolicy; door: WebDoor } {
    const { onBusy, webDoor } = this.#parts;
    return { sign: this.#signAt(account), texts: textsFor(sender.language ?? ""), onBusy, door: webDoor?.() ?? null };
  }

  #signAt(account: string): string {
    return this.#parts.adapter(account)?.commandSign ?? "/";
  }

  async #reply(trx: Trx, target: RunTarget, markdown: string, session: SessionId | null): Promise<void> {
    const pages = this.#parts.adapter(target.account)?.render(markdown) ?? [];
    for (const content of pages) await insertReply(trx, { id: newId("out"), session, target, content });
  }
}

const UNKNOWN = { approved: false, blocked: false };

/** A word alone: what comes with a file or a quote is meant for the agent. */
function isStop({ text, files = [], context = [] }: Extract<IncomingUpdate, { kind: "message" }>): boolean {
  return files.length + context.length === 0 && isStopWord(text);
}

function closing(): GatewayError {
  return new GatewayError("unavailable", "The gateway is about to stop.", { retryAfterMs: 2_000 });
}

function nothing(messageId: MessageId): Arrival {
  return { outcome: "unknown", messageId, sessionId: null };
}
