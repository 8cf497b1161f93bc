import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { THINKING_LIMIT } from "../agent/thinking.ts";
import { GatewayError } from "../errors.ts";
import type { RunId, SessionId, UserId } from "../ids.ts";
import { type AuditActor, audit } from "../store/audit.ts";
import {
  countMessages,
  hasOpenRun,
  hideAfter,
  patchSession,
  saveHistory,
  type SessionChange,
} from "../store/change-session.ts";
import { forgetPoints } from "../store/chat-threads.ts";
import { deleteSession, hasDuePages } from "../store/delete-session.ts";
import { listRunRows, type RunFilter, type RunRow, stopRun } from "../store/list-runs.ts";
import { listSessionRows, type SessionFilter, type SessionPoint } from "../store/list-sessions.ts";
import { copyHistory, makeSession } from "../store/make-session.ts";
import { withReach } from "../store/reach.ts";
import { newestThoughts, type Thought } from "../store/run-events.ts";
import type { Root, Trx } from "../store/schema.ts";
import { type Caller, idSpace, lockSession, reachSession, type SessionRow } from "../store/session-reach.ts";
import { withTransaction } from "../store/transaction.ts";
import { countTurns } from "../store/usage.ts";
import type { AgentService } from "./agent-service.ts";
import { type ChatMessage, readSaved } from "./read-saved.ts";

/** Whoever calls, and whether what they do is an operator's act. */
export interface SessionCaller extends Caller {
  operator: AuditActor | null;
  platform: "api" | "web";
}

export interface SessionWanted {
  id?: string;
  agent?: string;
  title?: string;
  /** Of an agent: a name among its own people. */
  user?: string;
  metadata?: Record<string, unknown>;
  idempotencyKey?: string;
}

/** A run that was told to end has done so, and its last page been shown, long before. */
const QUIET_MS = 10_000;
const PAGES_MS = 3_000;
const LOOK_MS = 100;
const READ_THOUGHTS = { runs: 30, chars: THINKING_LIMIT };
/** Of metadata and of costs, however many changes they come from: they are read with every list. */
const MAX_KEPT = 65_536;
const SESSION_ID = /^[a-zA-Z0-9_-]{1,128}$/;
/** The gateway's own ids look like this, so nobody else's may. */
const OWN_ID = /^ses_[0-9a-f]{32}$/;

/**
 * Sessions as the API has them: of people, of all or of one agent, also those whose history an agent keeps itself. What
 * the caller does not reach is `not_found`, like an unknown id.
 */
export class Sessions {
  readonly #db: Root;
  readonly #service: AgentService;

  constructor(parts: { db: Root; service: AgentService }) {
    this.#db = parts.db;
    this.#service = parts.service;
  }

  async find(caller: Caller, id: string): Promise<SessionRow> {
    return known(await withReach(this.#db, caller.reach, (trx) => reachSession(trx, caller, id)));
  }

  list(
    caller: Caller,
    filter: SessionFilter,
    page: { limit: number; after: SessionPoint | null },
  ): Promise<SessionRow[]> {
    return withReach(this.#db, caller.reach, (trx) => listSessionRows(trx, caller.reach, filter, page));
  }

  /**
   * Makes one, of the caller's user or of an agent's. Rejects `invalid` (agent or id), `forbidden` (another agent's or
   * person's), `conflict` (the id is in use, or the key was used for something else).
   */
  async create(caller: SessionCaller, wanted: SessionWanted): Promise<SessionRow> {
    if (wanted.id !== undefined && (!SESSION_ID.test(wanted.id) || OWN_ID.test(wanted.id))) {
      throw new GatewayError("invalid", "session_id: 1 to 128 letters, digits, _ and -, and not as the gateway's own.");
    }
    const { reach } = caller;
    const agent = reach.kind === "agent" ? ownAgent(reach.agent, wanted.agent) : this.#service.agentNamed(wanted.agent);
    const userId = await this.#userFor(caller, wanted.user);
    return this.#make(caller.user === null ? caller : { ...caller, user: userId }, { ...wanted, agent }, userId, null);
  }

  /** Changes what is said of a session. Rejects `stale` if it is no longer as `version` says, `too_large`. */
  async patch(caller: SessionCaller, id: string, change: SessionChange, version: number | null): Promise<SessionRow> {
    return this.#change(caller, id, version, async (trx, session) => {
      if ((await patchSession(trx, session.id, change)) > MAX_KEPT) {
        throw new GatewayError("too_large", `A session keeps at most ${MAX_KEPT} characters of each.`);
      }
      await told(trx, caller, "session.update", session.id);
    });
  }

  /**
   * The whole history, as the agent that keeps it has it now; makes the session if there is none. Rejects `forbidden`
   * where the gateway keeps it, `stale` like `patch`.
   */
  async save(caller: SessionCaller, id: string, messages: ChatMessage[], version: number | null): Promise<SessionRow> {
    const { reach } = caller;
    if (reach.kind !== "agent") {
      await this.find(caller, id);
      throw new GatewayError("forbidden", "Only an agent that keeps its history itself may write it, with its key.");
    }
    const there = await withReach(this.#db, reach, (trx) => reachSession(trx, caller, id));
    if (!there && version !== null) throw stale();
    if (!there) {
      // What it does not reach is not there, and no id for it to give.
      if (OWN_ID.test(id)) known(null);
      await this.create(caller, { id }).catch(unlessTaken);
    }
    const saved = messages.map(readSaved);
    return this.#change(caller, id, version, async (trx, session) => {
      if (session.history !== "agent") {
        throw new GatewayError("forbidden", "The gateway keeps the history of this session: read it, it is whole.");
      }
      await saveHistory(trx, { session: session.id, agent: reach.agent }, saved);
    });
  }

  /** Another session that begins like this one: with its first messages, all if no number is given. */
  async fork(
    caller: SessionCaller,
    id: string,
    count: number | null,
    idempotencyKey?: string,
  ): Promise<{ session: SessionRow; parent: SessionRow; messages: number }> {
    const parent = await this.find(caller, id);
    const { agent, title, metadata, user_id: userId } = parent;
    const wanted = { agent, title, metadata, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
    const session = await this.#make(caller, wanted, userId, { parent, count });
    const messages = await withReach(this.#db, caller.reach, (trx) => countMessages(trx, session.id));
    return { session, parent, messages };
  }

  /** Takes back all messages but the first; what answers just now is stopped before. */
  async revert(caller: SessionCaller, id: string, count: number): Promise<void> {
    await this.#whenQuiet(caller, id, async (trx, session) => {
      if (count > (await countMessages(trx, session.id))) throw outOfRange();
      await hideAfter(trx, session.id, count);
      await forgetPoints(trx, session.id);
      await told(trx, caller, "session.revert", session.id);
    });
  }

  /** Deletes a session with all that is in it; what answers just now is stopped before. */
  async delete(caller: SessionCaller, id: string): Promise<void> {
    await this.#whenQuiet(caller, id, async (trx, session, wait) => {
      if (wait && (await hasDuePages(trx, session.id))) return "busy";
      await deleteSession(trx, session.id);
      await told(trx, caller, "session.delete", session.id);
      return "done";
    });
  }

  runs(
    caller: Caller,
    filter: RunFilter,
    page: { limit: number; after: { micros: number; id: RunId } | null },
  ): Promise<RunRow[]> {
    return withReach(this.#db, caller.reach, (trx) => listRunRows(trx, caller.reach, filter, page));
  }

  /** What the model thought in the newest runs of a session, for as long as their events are kept. */
  thoughts(caller: Caller, session: SessionRow): Promise<Thought[]> {
    return withReach(this.#db, caller.reach, (trx) => newestThoughts(trx, session.id, READ_THOUGHTS));
  }

  /** How many runs of a session, or whether this one, have used something. */
  turns(caller: Caller, session: SessionRow, run: RunId | null): Promise<number> {
    return withReach(this.#db, caller.reach, (trx) => countTurns(trx, session.id, run));
  }

  /** Ends one run, and no other. Rejects `conflict` when it is over. */
  async cancel(caller: SessionCaller, id: string, run: RunId | null): Promise<void> {
    const session = await this.find(caller, id);
    const stopped = await withReach(this.#db, caller.reach, async (trx) => {
      const found = run && (await stopRun(trx, session.id, run));
      if (found && !found.over) await told(trx, caller, "run.cancel", run);
      return found;
    });
    if (!stopped) throw new GatewayError("not_found", "There is no such run.");
    if (stopped.over) throw new GatewayError("conflict", "This run is over.");
    await this.#service.lookAgain(session.id);
  }

  async #make(
    caller: SessionCaller,
    wanted: SessionWanted & { agent: string },
    userId: UserId,
    copied: { parent: SessionRow; count: number | null } | null,
  ): Promise<SessionRow> {
    const { id = null, agent, title = "", metadata = {}, idempotencyKey = null } = wanted;
    const digest = createHash("sha256")
      .update(JSON.stringify([id, agent, title, metadata, userId, copied?.parent.id, copied?.count]))
      .digest("hex");
    const history = copied?.parent.history ?? (caller.reach.kind === "agent" ? "agent" : "gateway");
    return withReach(this.#db, caller.reach, async (trx) => {
      const made = await makeSession(trx, {
        userId,
        agent,
        history,
        platform: caller.platform,
        title,
        metadata,
        idSpace: idSpace(caller),
        externalId: id,
        createKey: idempotencyKey,
        createDigest: idempotencyKey === null ? null : digest,
        parentId: copied?.parent.id ?? null,
      });
      if (made.kind === "taken") {
        const why =
          made.by === "id" ? "There is a session with this id." : "This Idempotency-Key made another session.";
        throw new GatewayError("conflict", why);
      }
      if (copied && made.kind === "made") {
        const had = await copyHistory(trx, copied.parent.id, made.id, copied.count);
        if (copied.count !== null && had < copied.count) throw outOfRange();
      }
      return known(await reachSession(trx, caller, made.id));
    });
  }

  /** An agent's people are its own: a name of theirs is nobody of the API's. */
  async #userFor({ reach, user }: Caller, name: string | undefined): Promise<UserId> {
    if (reach.kind === "agent")
      return this.#service.actFor(`agent:${reach.agent}${name === undefined ? "" : `:${name}`}`);
    if (user === null) throw new Error("only an agent acts for nobody");
    if (name === undefined) return user;
    const wanted = await this.#service.actFor(name);
    if (reach.kind === "user" && wanted !== user) {
      throw new GatewayError("forbidden", "This key makes sessions of its own person alone.");
    }
    return wanted;
  }

  #change(
    caller: Caller,
    id: string,
    version: number | null,
    work: (trx: Trx, session: SessionRow) => Promise<void>,
  ): Promise<SessionRow> {
    return withReach(this.#db, caller.reach, async (trx) => {
      const session = known(await lockSession(trx, caller, id));
      if (version !== null && version !== session.version) throw stale();
      await work(trx, session);
      return known(await reachSession(trx, caller, session.id));
    });
  }

  /**
   * Does something to a session in which nothing goes on: its runs are stopped, what waits in it is withdrawn, and then
   * none can begin before the work is done. `wait`: there is still time for something else to end.
   */
  async #whenQuiet(
    caller: Caller,
    id: string,
    work: (trx: Trx, session: SessionRow, wait: boolean) => Promise<"busy" | "done" | void>,
  ): Promise<void> {
    const begun = performance.now();
    const found = await this.find(caller, id);
    for (;;) {
      await this.#service.stop(found.user_id, found.id);
      const tookMs = performance.now() - begun;
      // The places of a chat are beyond a caller's rights, so the reach is in the statement that locks alone.
      const outcome = await withTransaction(this.#db, async (trx) => {
        const session = known(await lockSession(trx, caller, id));
        if (await hasOpenRun(trx, session.id)) return "busy";
        return work(trx, session, tookMs < PAGES_MS);
      });
      if (outcome !== "busy") return;
      if (tookMs > QUIET_MS) throw new GatewayError("unavailable", "An answer in this session is still ending.");
      await sleep(LOOK_MS);
    }
  }
}

function known(session: SessionRow | null): SessionRow {
  if (!session) throw new GatewayError("not_found", "There is no such session.");
  return session;
}

function ownAgent(own: string, named: string | undefined): string {
  if (named === undefined || named === own) return own;
  throw new GatewayError("forbidden", "This key makes sessions of its own agent alone.");
}

function stale(): GatewayError {
  return new GatewayError("stale", "The session has changed meanwhile. Read it again.");
}

function outOfRange(): GatewayError {
  return new GatewayError("invalid", "There are not as many messages.");
}

/** Another request has made the same session meanwhile. */
function unlessTaken(error: unknown): void {
  if (!(error instanceof GatewayError && error.code === "conflict")) throw error;
}

async function told(trx: Trx, caller: SessionCaller, action: string, target: SessionId | RunId): Promise<void> {
  if (caller.operator) await audit(trx, caller.operator, { action, target });
}
