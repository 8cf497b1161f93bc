import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { type FeedbackId, newId, readId, type UserId } from "../ids.ts";
import type { Metrics } from "../observe/metrics.ts";
import { audit } from "../store/audit.ts";
import {
  changeFeedback,
  deleteFeedback,
  type Feedback,
  findFeedback,
  listFeedback,
  type Rated,
  saveFeedback,
  sumFeedback,
} from "../store/feedback.ts";
import { findRated, type RatedNames } from "../store/find-rated.ts";
import { type Reach, withReach } from "../store/reach.ts";
import type { Root, Trx } from "../store/schema.ts";
import { type Caller, namedSession } from "../store/session-reach.ts";
import type { Api } from "./api.ts";
import { operatorOf, principalOf, reachOf, userOf } from "./authenticate.ts";
import { exportRoutes } from "./feedback-export.ts";
import { filterOf } from "./feedback-filter.ts";
import {
  ChangeJson,
  FeedbackJson,
  FILTERS,
  NewFeedbackJson,
  readOpinion,
  SumsJson,
  toFeedbackJson,
  toSumsJson,
} from "./feedback-json.ts";
import { readTimeCursor, writeTimeCursor } from "./read-time.ts";
import { callerOf } from "./session-routes.ts";

/** The seed project's. */
const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 50;
const MAX_OFFSET = 100_000;
const MAX_SUMS = 10_000;

const Params = Type.Object({ id: Type.String() });

/** What people think of answers, of all agents: their thumbs in the chats, and what the API is told. */
export function feedbackRoutes(app: Api, { db, metrics }: { db: Root; metrics: Metrics }): void {
  app.route({
    method: "POST",
    url: "/v1/feedback",
    config: { scope: "feedback:write" },
    schema: {
      summary: "Rate an answer; again changes what the same caller said of it before",
      body: NewFeedbackJson,
      response: {
        200: Type.Object({ feedback_id: Type.String() }, { description: "Changed" }),
        201: Type.Object({ feedback_id: Type.String() }),
      },
    },
    handler: async (request, reply) => {
      const { body } = request;
      const reach = reachOf(request);
      const about = await readAbout(db, callerOf(request), body);
      const by = authorOf(request, reach, about);
      const opinion = readOpinion(body);
      const fresh = newId("fb");
      const { id, created } = await withReach(db, reach, (trx) => saveFeedback(trx, fresh, by, about, opinion));
      metrics.feedback.inc({
        platform: opinion.source === "web" ? "web" : "api",
        agent: about.agent ?? "",
        rating: opinion.rating === 1 ? "up" : "down",
      });
      return reply.code(created ? 201 : 200).send({ feedback_id: id });
    },
  });

  app.route({
    method: "GET",
    url: "/v1/feedback",
    config: { scope: "feedback:read" },
    schema: {
      summary: "List feedback, newest first; the header X-Next-Cursor, if there is one, goes on",
      querystring: Type.Object(
        {
          ...FILTERS,
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          offset: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_OFFSET })),
          cursor: Type.Optional(Type.String({ maxLength: 300 })),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Array(FeedbackJson) },
    },
    handler: async (request, reply) => {
      const { limit = DEFAULT_PAGE, offset = 0, cursor, ...filters } = request.query;
      const filter = await filterOf(db, request, filters);
      const before = cursor === undefined ? undefined : readTimeCursor(cursor);
      const reach = reachOf(request);
      const rows = await withReach(db, reach, (trx) =>
        listFeedback(trx, reach, filter, { limit: limit + 1, offset, before }),
      );
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      if (last) reply.headers(nextPage(request.url, writeTimeCursor({ at: last.createdAt, id: last.id })));
      return rows.slice(0, limit).map(toFeedbackJson);
    },
  });

  app.route({
    method: "GET",
    url: "/v1/feedback/stats",
    config: { scope: "feedback:read" },
    schema: {
      summary: "Count thumbs per agent and hour, day or week (UTC), oldest first",
      querystring: Type.Object(
        {
          ...FILTERS,
          window: Type.Optional(Type.Union([Type.Literal("hour"), Type.Literal("day"), Type.Literal("week")])),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Array(SumsJson) },
    },
    handler: async (request) => {
      const { window = "day", ...filters } = request.query;
      const filter = await filterOf(db, request, filters);
      const reach = reachOf(request);
      const sums = await withReach(db, reach, (trx) => sumFeedback(trx, reach, filter, { window, limit: MAX_SUMS }));
      return sums.map(toSumsJson);
    },
  });

  exportRoutes(app, db);

  app.route({
    method: "GET",
    url: "/v1/feedback/:id",
    config: { scope: "feedback:read" },
    schema: { summary: "Read one", params: Params, response: { 200: FeedbackJson } },
    handler: async (request) => {
      const id = readFeedbackId(request.params.id);
      const reach = reachOf(request);
      return toFeedbackJson(found(await withReach(db, reach, (trx) => findFeedback(trx, reach, id))));
    },
  });

  app.route({
    method: "PATCH",
    url: "/v1/feedback/:id",
    config: { scope: "feedback:write" },
    schema: {
      summary:
        'Change one: its author or an operator, who alone may triage it; null leaves a field as it is, "" clears it',
      params: Params,
      body: ChangeJson,
      response: { 200: FeedbackJson },
    },
    handler: async (request) => {
      const id = readFeedbackId(request.params.id);
      const { rating, comment, correction, triage } = request.body;
      if (triage !== undefined && operatorOf(request) === null) {
        throw new GatewayError("forbidden", "Only an operator says how far they are with it.");
      }
      const change = {
        ...(rating == null ? {} : { rating }),
        ...(comment == null ? {} : { comment }),
        ...(correction == null ? {} : { correction }),
        ...(triage === undefined ? {} : { triage }),
      };
      const reach = reachOf(request);
      const changed = await withReach(db, reach, async (trx) => {
        await mayChange(trx, request, reach, found(await findFeedback(trx, reach, id)), "change");
        return changeFeedback(trx, reach, id, change);
      });
      return toFeedbackJson(found(changed));
    },
  });

  app.route({
    method: "DELETE",
    url: "/v1/feedback/:id",
    config: { scope: "feedback:write" },
    schema: {
      summary: "Take one back: its author or an operator",
      params: Params,
      response: { 200: Type.Object({ deleted: Type.Literal(true) }) },
    },
    handler: async (request) => {
      const id = readFeedbackId(request.params.id);
      const reach = reachOf(request);
      await withReach(db, reach, async (trx) => {
        await mayChange(trx, request, reach, found(await findFeedback(trx, reach, id)), "delete");
        await deleteFeedback(trx, reach, id);
      });
      return { deleted: true as const };
    },
  });
}

/** What is rated, as the store knows it. Rejects `not_found` for what the caller may not know of. */
async function readAbout(db: Root, caller: Caller, body: Static<typeof NewFeedbackJson>): Promise<Rated> {
  const { reach } = caller;
  const { session_id: session, run_id: run, message_id: message, trace_id: trace } = body;
  const named = {
    session: session === undefined ? null : await namedSession(db, caller, session),
    run: run === undefined ? null : readId("run", run),
    message: message === undefined ? null : readId("msg", message),
  };
  const isUnknown =
    (session !== undefined && !named.session) ||
    (run !== undefined && !named.run) ||
    (message !== undefined && !named.message);
  if (isUnknown) throw notThere();
  if (named.message && !named.session && !named.run) {
    throw new GatewayError("invalid", "message_id needs the session_id or the run_id it belongs to.");
  }
  const isNamed = Object.values(named).some((each) => each !== null);
  const traced = trace === undefined ? null : await findRated(db, { ...NO_NAMES, trace });
  // A trace that is told of nobody's session may be rated by everybody, and says nothing to them.
  const ofTrace = traced?.runId === null && traced.userId === null && reach.kind === "user" ? null : traced;
  if (ofTrace && !mayKnow(reach, ofTrace)) throw reach.kind === "agent" ? foreignTrace() : notThere();
  // Agents elsewhere tell of traces that the gateway has not heard of, or not yet.
  const rated = isNamed ? await findRated(db, { ...named, trace: ofTrace?.runId ? trace! : null }) : ofTrace;
  if (isNamed && (!rated || !mayKnow(reach, rated))) throw notThere();
  const known = rated ?? NOTHING_KNOWN;
  return {
    ...known,
    agent: reach.kind === "agent" ? reach.agent : known.agent,
    traceId: known.traceId ?? trace ?? null,
  };
}

const NO_NAMES: RatedNames = { session: null, run: null, message: null, trace: null };
const NOTHING_KNOWN: Rated = {
  sessionId: null,
  runId: null,
  messageId: null,
  traceId: null,
  userId: null,
  agent: null,
  model: null,
  cardVersion: null,
};

function mayKnow(reach: Reach, { userId, agent }: Rated): boolean {
  if (reach.kind === "all") return true;
  return reach.kind === "user" ? userId === reach.user : agent === reach.agent;
}

/** An agent tells of what its people think, and is its author; everybody else speaks for the person of their key. */
function authorOf(request: FastifyRequest, reach: Reach, about: Rated): { author: string; userId: UserId | null } {
  if (reach.kind === "agent") return { author: `agent:${reach.agent}`, userId: about.userId };
  const user = reach.kind === "user" ? reach.user : userOf(request);
  return { author: user, userId: user };
}

/** What an operator changes is written down, unless it is their own. */
async function mayChange(
  trx: Trx,
  request: FastifyRequest,
  reach: Reach,
  { id, author }: Feedback,
  verb: "change" | "delete",
): Promise<void> {
  const self = reach.kind === "agent" ? `agent:${reach.agent}` : reach.kind === "user" ? reach.user : userOf(request);
  if (author === self) return;
  if (reach.kind !== "all") throw new GatewayError("forbidden", "Only its author or an operator may change it.");
  await audit(trx, principalOf(request), { action: `feedback.${verb}`, target: id });
}

function readFeedbackId(text: string): FeedbackId {
  return found(readId("fb", text));
}

function found<T>(row: T | null): T {
  if (row === null) throw new GatewayError("not_found", "There is no such feedback.");
  return row;
}

/** Documented, because who may write which trace is no secret. */
function foreignTrace(): GatewayError {
  return new GatewayError("forbidden", "This trace is another agent's.");
}

function notThere(): GatewayError {
  return new GatewayError("not_found", "There is no such session, run, message or trace.");
}

/** https://www.rfc-editor.org/rfc/rfc8288 */
function nextPage(url: string, cursor: string): Record<string, string> {
  const [path = "", query = ""] = url.split("?");
  const next = new URLSearchParams(query);
  next.delete("offset");
  next.set("cursor", cursor);
  return { "x-next-cursor": cursor, link: `<${path}?${next.toString()}>; rel="next"` };
}
