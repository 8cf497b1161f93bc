import { type Price, priceOf } from "../agent/budgets.ts";
import type { Agents } from "../agent/agents.ts";
import { type Part, textOf } from "../agent/message.ts";
import { GatewayError } from "../errors.ts";
import { accountId, type MessageId, newId, readId, type ReplicaId, type SessionId, type UserId } from "../ids.ts";
import type { Hints } from "../run/hints.ts";
import { audit, type AuditActor } from "../store/audit.ts";
import { readFiles, type SessionFile } from "../store/files.ts";
import { findIdentity, upsertIdentity } from "../store/identities.ts";
import { acceptedParts, withdrawWaiting } from "../store/inbox.ts";
import { toJson } from "../store/json.ts";
import { currentUser } from "../store/links.ts";
import { notifySessions } from "../store/notify.ts";
import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { type OpenQuestion, openQuestions, questionOf } from "../store/approvals.ts";
import { withReach } from "../store/reach.ts";
import type { Root, Trx } from "../store/schema.ts";
import { findSession, insertSession, listSessions, stopSession, type TalkSession } from "../store/talk-sessions.ts";
import { retrying, withTransaction } from "../store/transaction.ts";
import { isBlocked } from "../store/users.ts";
import { hasRun, usageOfSession, type UsageRow } from "../store/usage.ts";
import { addressee } from "./addressee.ts";
import { decideQuestion } from "./decide-question.ts";
import { followSession, type FollowItem, type FollowOptions } from "./follow-session.ts";
import type { Intake } from "./intake.ts";

/** The account that messages without a bot belong to. */
const API_ACCOUNT = accountId("api", "gateway");
/** UTF-16 units of one message; more is `too_large`. */
export const MAX_MESSAGE_CHARS = 200_000;

const BLOCKED = "The operator has blocked this person.";

export interface NewMessage {
  text: string;
  /** The same key again returns the message it made the first time. Unique per session. */
  idempotencyKey?: string;
  /** The agent that answers this one message; left out: whom the text names, else the session's. */
  agent?: string;
  /** Whoever writes is spoken to in it; left out: nobody knows. */
  language?: string;
  /** What goes before the text; with it, there may be no text. */
  before?: Part[];
  /** The stored key it comes with, whose budget its run uses; left out: none. */
  keyId?: string | null;
}

/**
 * The one service behind every chat: what people may do with their sessions. Every call is scoped by its user; another
 * user's session, an unknown and a malformed id are the same `not_found`.
 */
export class AgentService {
  readonly #db: Root;
  readonly #intake: Intake;
  readonly #agents: Agents;
  readonly #hints: Hints;
  readonly #replica: ReplicaId;
  readonly #adapter: (account: string) => PlatformAdapter | undefined;

  constructor(parts: {
    db: Root;
    intake: Intake;
    agents: Agents;
    hints: Hints;
    replica: ReplicaId;
    adapter: (account: string) => PlatformAdapter | undefined;
  }) {
    this.#db = parts.db;
    this.#intake = parts.intake;
    this.#agents = parts.agents;
    this.#hints = parts.hints;
    this.#replica = parts.replica;
    this.#adapter = parts.adapter;
  }

  /** Makes a session of the user. Rejects `invalid` for an unknown agent. */
  async createTalkSession(user: UserId, options: { agent?: string; title?: string } = {}): Promise<TalkSession> {
    const agent = this.agentNamed(options.agent);
    const id = newId("ses");
    const owner = await withTransaction(this.#db, async (trx) => {
      const userId = (await currentUser(trx, user, true)) ?? user;
      await insertSession(trx, { id, userId, agent, placeId: null, title: options.title ?? "" });
      return userId;
    });
    return this.getSession(owner, id);
  }

  /** The agent of this name, the default one if none is given. Throws `invalid` for an unknown one. */
  agentNamed(name: string | undefined): string {
    const card = name === undefined ? this.#agents.default() : this.#agents.list().find((each) => each.name === name);
    if (!card) throw new GatewayError("invalid", `There is no agent "${String(name).slice(0, 64)}".`);
    return card.name;
  }

  /** The name, if there is an agent of it: what somebody chose once may be gone. */
  ifThere(name: string | undefined): string | undefined {
    return this.#agents.list().find((each) => each.name === name)?.name;
  }

  /** What a model costs; null = nobody knows. */
  priceOf(model: string): Price | null {
    return priceOf(this.#agents.settings().prices ?? new Map(), model);
  }

  /** Something about the sessions was changed that their runs have to look at, on whatever replica. */
  async lookAgain(...sessions: SessionId[]): Promise<void> {
    if (sessions.length === 0) return;
    await retrying(() => notifySessions(this.#db, this.#replica, sessions));
    for (const session of sessions) this.#hints.session(session);
    this.#hints.work();
  }

  /** The user's sessions, last used first, at most `limit` (1–200) before a time. */
  listSessions(user: UserId, options: { limit?: number; before?: Date } = {}): Promise<TalkSession[]> {
    const limit = Math.min(200, Math.max(1, options.limit ?? 50));
    const page = options.before ? { limit, before: options.before } : { limit };
    return this.#inReach(user, (trx) => listSessions(trx, user, page));
  }

  getSession(user: UserId, session: string): Promise<TalkSession> {
    return this.#inSession(user, session, async (_trx, found) => found);
  }

  /** What is done for a user, with the user's rows alone. */
  #inReach<T>(user: UserId, work: (trx: Trx) => Promise<T>): Promise<T> {
    return withReach(this.#db, { kind: "user", user }, work);
  }

  /** What is done in a session of the user. Rejects `not_found`. */
  async #inSession<T>(user: UserId, session: string, work: (trx: Trx, session: TalkSession) => Promise<T>): Promise<T> {
    const id = readId("ses", session);
    if (!id) throw new GatewayError("not_found", "There is no such session.");
    return this.#inReach(user, async (trx) => {
      const found = await findSession(trx, user, id);
      if (!found) throw new GatewayError("not_found", "There is no such session.");
      return work(trx, found);
    });
  }

  /**
   * Accepts a message: it is durable when this resolves, and by policy `interrupt` it ends the running run. Rejects
   * `not_found`, `forbidden` (blocked), `invalid` (empty), `too_large`, `conflict` (its key was used for another text), `unavailable` (nothing was stored, or it is stored under its key).
   */
  async addMessage(user: UserId, session: string, message: NewMessage): Promise<{ messageId: MessageId }> {
    const { before = [] } = message;
    const isBlank = message.text.trim() === "";
    if (isBlank && !before.some(({ type }) => type === "file"))
      throw new GatewayError("invalid", "The message is empty.");
    if (message.text.length > MAX_MESSAGE_CHARS) {
      throw new GatewayError("too_large", `A message has at most ${MAX_MESSAGE_CHARS} characters.`);
    }
    const id = readId("ses", session);
    if (!id) throw new GatewayError("not_found", "There is no such session.");
    const messageId = newId("msg");
    const key = message.idempotencyKey === undefined ? messageId : `key:${message.idempotencyKey}`;
    // With the user, so that nobody's key is taken for a repeat of somebody else's.
    const updateKey = `${id}:${user}:${key}`;
    const arrival = await this.#intake.acceptMessage({
      account: API_ACCOUNT,
      updateKey,
      messageId,
      parts: isBlank ? before : [...before, { type: "text", text: message.text }],
      asks: message.agent ?? addressee(this.#agents, message.text),
      keyId: message.keyId ?? null,
      language: message.language ?? "",
      writtenAt: new Date(),
      session: { id, userId: user },
      place: null,
    });
    if (arrival.outcome === "unknown") {
      await this.refuseBlocked(user);
      throw new GatewayError("not_found", "There is no such session.");
    }
    if (arrival.outcome === "repeat") await this.#expectSame(updateKey, message);
    return { messageId: arrival.messageId };
  }

  /** What a person wrote is never dropped silently, so a key that is used for something else is refused. */
  async #expectSame(updateKey: string, { text, before = [] }: NewMessage): Promise<void> {
    const parts = await retrying(() => acceptedParts(this.#db, API_ACCOUNT, updateKey));
    const said = text.trim() === "" ? "" : JSON.parse(toJson(text));
    if (parts && textOf({ parts }) === said && uploadsIn(parts) === uploadsIn(before)) return;
    throw new GatewayError("conflict", "This Idempotency-Key was used for another message.");
  }

  /**
   * The session's history, then what waits, then — with `follow` — what happens, until the abort. Any number of
   * readers; each item's `cursor` continues after it, on any replica. Rejects `not_found` at once.
   */
  async getMessages(user: UserId, session: string, options: FollowOptions = {}): Promise<AsyncIterable<FollowItem>> {
    const found = await this.getSession(user, session);
    return followSession((look) => this.#inSession(user, session, look), this.#hints, found, options);
  }

  /** A file of the session. Rejects `not_found`, also for one that is not kept any more. */
  async readFile(user: UserId, session: string, file: string): Promise<SessionFile> {
    const wanted = readId("fil", file);
    const [found] = await this.#inSession(user, session, async (trx, { id }) =>
      wanted ? readFiles(trx, id, [wanted]) : [],
    );
    if (!found) throw new GatewayError("not_found", "There is no such file.");
    return found;
  }

  /** What a session's runs have used, or one of them. Rejects `not_found`, also for a run that is not of it. */
  async readUsage(user: UserId, session: string, run?: string): Promise<UsageRow[]> {
    return this.#inSession(user, session, async (trx, { id }) => {
      const wanted = run === undefined ? null : readId("run", run);
      const known = run === undefined || (wanted !== null && (await hasRun(trx, id, wanted)));
      if (!known) throw new GatewayError("not_found", "There is no such run.");
      return usageOfSession(trx, id, wanted);
    });
  }

  /**
   * Ends the running run, its partial answer kept and marked, and withdraws what waits. Repeatable. `operator`: who does
   * so in the user's stead.
   */
  async stop(user: UserId, session: string, operator: AuditActor | null = null): Promise<{ withdrawn: MessageId[] }> {
    const { id, withdrawn } = await this.#inSession(user, session, async (trx, found) => {
      await stopSession(trx, found.id);
      if (operator) await audit(trx, operator, { action: "session.stop", target: found.id });
      await notifySessions(trx, this.#replica, [found.id]);
      return { id: found.id, withdrawn: await withdrawWaiting(trx, found.id) };
    });
    this.#hints.session(id);
    return { withdrawn };
  }

  /** Calls of the session's running runs that wait for a person. Rejects `not_found`. */
  async listApprovals(user: UserId, session: string): Promise<OpenQuestion[]> {
    return this.#inSession(user, session, (trx, { id }) => openQuestions(trx, id));
  }

  /** Decides one of them, once; `operator`: who does so in the user's stead. Rejects `not_found`, `conflict` (it is decided, has expired, or is no longer needed). */
  async decideApproval(
    user: UserId,
    session: string,
    approval: string,
    decision: "approved" | "denied",
    operator: AuditActor | null = null,
  ): Promise<void> {
    const wanted = readId("apr", approval);
    const decided = await this.#inSession(user, session, async (trx, { id }) => {
      const question = wanted && (await questionOf(trx, id, wanted));
      if (!question) return null;
      const adapter = question.account ? this.#adapter(question.account) : undefined;
      const done = await decideQuestion(trx, question, decision, { id: user, name: "", messageId: null, adapter });
      if (done) await notifySessions(trx, this.#replica, [id]);
      if (done && operator) {
        const detail = { decision, session_id: id, tool: question.tool };
        await audit(trx, operator, { action: "approval.decide", target: question.id, detail });
      }
      return done && id;
    });
    if (decided === null) throw new GatewayError("not_found", "There is no such approval.");
    if (!decided) throw new GatewayError("conflict", "It is decided already, or no longer needed.");
    this.#hints.session(decided);
    this.#hints.work();
    this.#hints.outbox();
  }

  /** Rejects `forbidden` for somebody whom the operator has blocked. */
  async refuseBlocked(user: UserId): Promise<void> {
    if (await retrying(() => isBlocked(this.#db, user))) throw new GatewayError("forbidden", BLOCKED);
  }

  /** The user an admin key acts for: a `usr_…` id that exists (or whom it is linked to), else the API's person of that name. */
  async actFor(name: string): Promise<UserId> {
    const known = readId("usr", name);
    if (known) {
      const user = await retrying(() => currentUser(this.#db, known));
      if (!user) throw new GatewayError("not_found", "No such user.");
      return user;
    }
    if (name.startsWith("usr_") || name.length > 200) throw new GatewayError("not_found", "No such user.");
    const found = await retrying(() => findIdentity(this.#db, "api", name));
    if (found) return found.userId;
    return (await withTransaction(this.#db, (trx) => upsertIdentity(trx, "api", name, name))).userId;
  }
}

export type { FollowItem, FollowOptions, TalkSession };

/** Files that a message names by their rows. */
function uploadsIn(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === "file" && part.file ? [part.file] : [])).join(" ");
}
